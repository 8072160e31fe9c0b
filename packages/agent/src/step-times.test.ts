import { expect, test } from "vitest";
import { stepTimes } from "./step-times.ts";

/** A clock that is a second later each time it is looked at. */
function tickingClock() {
  let seconds = 0;
  return { now: () => new Date(1000 * seconds++) };
}

test("steps have their times, the one that fails as well", async () => {
  const steps = stepTimes(tickingClock());
  expect(await steps.during("directories", async () => 5)).toBe(5);
  await expect(steps.during("downloads", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(
    steps.taken.map(({ name, startTime, endTime }) => [name, startTime.slice(17, 19), endTime.slice(17, 19)]),
  ).toEqual([
    ["directories", "00", "01"],
    ["downloads", "02", "03"],
  ]);
});

test("there are no more of them than a report may have", async () => {
  const steps = stepTimes(tickingClock());
  for (let n = 0; n < 100; n++) await steps.during("command", async () => {});
  expect(steps.taken).toHaveLength(16);
});
