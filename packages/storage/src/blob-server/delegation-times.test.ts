import { expect, test } from "vitest";
import { readDelegationTimes } from "./delegation-times.ts";

const now = new Date("2026-01-01T00:00:00Z");

test("a user delegation key is good for seven days at most, in whole seconds", () => {
  const start = "2025-12-31T23:00Z";
  const times = { start: "2025-12-31T23:00:00Z", expiry: "2026-01-08T00:00:00Z" };
  for (const expiry of ["2026-01-08T00:00:00Z", "2026-01-08T00:00Z", "2026-01-08T00:00:00.0000000Z"])
    expect(readDelegationTimes({ start, expiry }, now)).toEqual({ times });
  const longer = readDelegationTimes({ start, expiry: "2026-01-08T00:00:01Z" }, now);
  expect(longer).toEqual({ problem: "Expiry is more than seven days from now." });
});

test.each([
  ["2026-01-02T00:00:00Z", "2026-01-02T00:00:00Z", /not after/],
  ["2025-01-01T00:00:00Z", "2025-01-02T00:00:00Z", /not in the future/],
  ["", "2026-01-02T00:00:00Z", /^Start is not a time/],
  ["2026-01-01T00:00:00Z", "2026-13-02T00:00:00Z", /^Expiry is not a time/],
  ["2026-01-01T00:00:00Z", "tomorrow\nor later", /^Expiry is not a time/],
  [undefined, undefined, /^Start is not a time/],
])("from %j until %j there is none", (start, expiry, problem) => {
  expect(readDelegationTimes({ start, expiry }, now)).toEqual({ problem: expect.stringMatching(problem) });
});
