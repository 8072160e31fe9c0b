import { type RunStepName, runSteps } from "@kyanite/contract/run-steps";
import { expect, test } from "vitest";
import { stepTimes } from "./step-times.ts";

/** A clock on which time passes only by `pass`, and which is set back by an hour each time it does. */
function aClock() {
  let milliseconds = 0;
  let back = 0;
  return {
    now: () => new Date(1_700_000_000_000 + milliseconds - back),
    elapsed: () => milliseconds,
    async pass(more: number) {
      milliseconds += more;
      back += 3_600_000;
    },
  };
}

test("steps have their times and what they moved, the one that fails as well", async () => {
  const clock = aClock();
  const steps = stepTimes(clock);
  expect(await steps.during("directories", async () => 5)).toBe(5);
  const fetch = async () => {
    steps.addBytes(300);
    await clock.pass(2_000);
    steps.addBytes(40);
    throw new Error("no");
  };
  await expect(steps.during("downloads", fetch)).rejects.toThrow("no");
  await steps.during("command", () => clock.pass(500));
  expect(steps.told()).toEqual([
    { name: "directories", startTime: "2023-11-14T22:13:20.000Z", endTime: "2023-11-14T22:13:20.000Z" },
    { name: "downloads", startTime: "2023-11-14T22:13:20.000Z", endTime: "2023-11-14T22:13:22.000Z", bytes: 340 },
    { name: "command", startTime: "2023-11-14T22:13:22.000Z", endTime: "2023-11-14T22:13:22.500Z" },
  ]);
});

test.each<[string, Partial<Record<RunStepName, readonly [number, number?]>>, boolean]>([
  ["a short command", { directories: [2], command: [900] }, false],
  ["a few bytes that came at once", { downloads: [20, 5], command: [5], upload: [20, 5] }, false],
  ["steps that were slow to do nothing", { directories: [60], packages: [70], downloads: [80] }, false],
  ["a run of a second", { directories: [2], downloads: [20], command: [978] }, true],
  ["a download that took a while", { downloads: [50, 5], command: [1] }, true],
  ["a package that took a while", { packages: [80, 5], command: [1] }, true],
  ["an upload that took a while", { command: [1], upload: [60, 5] }, true],
])("of %s it is told only when there is something to tell", async (_, taken, isTold) => {
  const take = async (isTraced: boolean) => {
    const clock = aClock();
    const steps = stepTimes(clock, isTraced);
    for (const name of runSteps)
      await steps.during(name, async () => {
        const [milliseconds, bytes = 0] = taken[name] ?? [0];
        steps.addBytes(bytes);
        await clock.pass(milliseconds);
      });
    return steps.told().length;
  };
  expect(await take(false)).toBe(isTold ? 5 : 0);
  expect(await take(true)).toBe(5);
});

test("there are no more of them than a report may have", async () => {
  const clock = aClock();
  const steps = stepTimes(clock);
  for (let n = 0; n < 100; n++) await steps.during("command", () => clock.pass(1_000));
  expect(steps.told()).toHaveLength(16);
});
