import type { RunStep, RunStepName } from "@kyanite/contract";
import { expect, test } from "vitest";
import { explainedSteps, slowStep, splitOfRun } from "./run-steps.ts";

/** Steps that follow each other without a pause. */
function stepsOf(...given: readonly (readonly [RunStepName, number, number?])[]): RunStep[] {
  let time = Date.parse("2026-01-01T00:00:00Z");
  return given.map(([name, seconds, bytes]) => {
    const startTime = new Date(time).toISOString();
    time += 1000 * seconds;
    return { name, startTime, endTime: new Date(time).toISOString(), ...(bytes === undefined ? {} : { bytes }) };
  });
}

const staged = stepsOf(
  ["directories", 0.002],
  ["packages", 0.6, 2_400_000],
  ["downloads", 42, 1_218_000_000],
  ["command", 16],
  ["upload", 1.2, 36_000_000],
);

test("the time of a run is divided among its steps, with what they moved and how fast", () => {
  expect(splitOfRun(staged, 60)).toBe(
    "packages 600 ms (2.4 MB at 4.0 MB/s), resource files 42 s (1.2 GB at 29 MB/s), the command 16 s, output files 1.2 s (36 MB at 30 MB/s)",
  );
  expect(splitOfRun(stepsOf(["directories", 0], ["command", 90]), 100)).toBe("the command 90 s, the rest 10 s");
  expect(splitOfRun(stepsOf(["command", 1], ["command", 2]), 3)).toBe("the command 3.0 s");
  expect(splitOfRun([], 60)).toBeUndefined();
  expect(splitOfRun(stepsOf(["command", 0]), 0)).toBeUndefined();
});

test("each step says how much of the run it took", () => {
  expect(explainedSteps(staged, 60).map(({ text }) => text)).toEqual([
    "Making directories took 2 ms of 60 s",
    "Packages took 600 ms of 60 s: 2.4 MB at 4.0 MB/s",
    "Resource files took 42 s of 60 s: 1.2 GB at 29 MB/s",
    "The command took 16 s of 60 s",
    "Output files took 1.2 s of 60 s: 36 MB at 30 MB/s",
  ]);
  expect(explainedSteps(staged, 60)[2]).toEqual({
    step: "downloads",
    startTime: "2026-01-01T00:00:00.602Z",
    seconds: 42,
    bytes: 1_218_000_000,
    bytesPerSecond: 29_000_000,
    text: expect.any(String),
  });
  expect(explainedSteps(stepsOf(["downloads", 0, 5]), 0)).toMatchObject([
    { bytes: 5, text: "Resource files took 0 ms of 0 ms: 5 B" },
  ]);
});

test("the slowest step beside the command is named when it matters", () => {
  expect(slowStep(staged, 60)).toBe("resource files took 42 s of 60 s: 1.2 GB at 29 MB/s");
  expect(slowStep(stepsOf(["downloads", 0.9, 5], ["command", 1]), 2)).toBeUndefined();
  expect(slowStep(stepsOf(["packages", 5], ["command", 100]), 105)).toBeUndefined();
  expect(slowStep(stepsOf(["command", 100]), 100)).toBeUndefined();
  expect(slowStep([], 100)).toBeUndefined();
});
