import { expect, test } from "vitest";
import { noUse } from "./resource-use.ts";
import { totalUsage } from "./usage.ts";

test("changes of several tasks add up for each job", () => {
  const change = { ...noUse, wallClockSeconds: 1.5, waitSeconds: 2, succeeded: 1, failed: 0, retries: 3 };
  const failure = { ...noUse, wallClockSeconds: 4, waitSeconds: 0, succeeded: 0, failed: 1, retries: 0 };
  expect(
    totalUsage([
      { jobPk: 7, ...change },
      { jobPk: 3, ...change },
      { jobPk: 7, ...failure },
    ]),
  ).toEqual([
    { ...noUse, jobPk: 7, wallClockSeconds: 5.5, waitSeconds: 2, succeeded: 1, failed: 1, retries: 3 },
    { jobPk: 3, ...change },
  ]);
});
