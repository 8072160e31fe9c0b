import { describe, expect, test } from "vitest";
import { spansOfRun, type TracedRun } from "./run-spans.ts";

const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds));
const traceId = "0af7651916cd43dd8448eb211c80319c";
const runId = "5d2c2f3e-8f7a-4a0b-9d6e-3b1a2c4d5e6f";

const aTask = (more: Partial<TracedRun["task"]> = {}): TracedRun["task"] => ({
  id: "t",
  traceParent: `00-${traceId}-b7ad6b7169203331-01`,
  nodeInfo: { poolId: "p", nodeId: "n" },
  creationTime: at(0),
  lastRequeueTime: null,
  lastRetryTime: null,
  stateTransitionTime: at(5),
  previousState: "active",
  previousStateTransitionTime: at(0),
  ...more,
});

const aRun = (more: Partial<TracedRun> = {}): TracedRun => ({
  jobId: "j",
  task: aTask(),
  runId,
  startTime: at(6),
  endTime: at(9),
  exit: { kind: "exited", exitCode: 0 },
  steps: [],
  ...more,
});

const named = (run: TracedRun) => new Map(spansOfRun(run).map((span) => [span.name, span]));

describe("the placement of a task lasts", () => {
  const placement = (more: Partial<TracedRun["task"]>) => {
    const span = named(aRun({ task: aTask(more) })).get("placement");
    return span && [span.start, span.end];
  };

  test("from when it was added until it has a node", () => expect(placement({})).toEqual([at(0), at(5)]));
  test("from when it was put back, if it was", () =>
    expect(placement({ lastRequeueTime: at(3) })).toEqual([at(3), at(5)]));
  test("not until the job is prepared on its node", () =>
    expect(placement({ previousState: "preparing", previousStateTransitionTime: at(2) })).toEqual([at(0), at(2)]));
  test("no time at all when it is tried again where it was", () =>
    expect(placement({ lastRetryTime: at(5) })).toBeUndefined());
});

test("steps belong to the run, the run to what added the task", () => {
  const steps = [{ name: "command" as const, startTime: at(7).toISOString(), endTime: at(8).toISOString() }];
  const spans = named(aRun({ steps }));
  expect(spans.get("run")).toMatchObject({ parent: aTask().traceParent, spanId: "9d6e3b1a2c4d5e6f", start: at(6) });
  expect(spans.get("command")).toMatchObject({ parent: `00-${traceId}-9d6e3b1a2c4d5e6f-01`, start: at(7), end: at(8) });
});

test.each([
  [{ kind: "exited", exitCode: 0 } as const, undefined],
  [{ kind: "exited", exitCode: 3 } as const, "FailureExitCode"],
  [{ kind: "ended", reason: "wallClock" } as const, "TaskEnded"],
  [{ kind: "lost", reason: "gone" } as const, "lost"],
])("%j fails with %s", (exit, failure) => {
  expect(named(aRun({ exit })).get("run")?.failure).toBe(failure);
});

test("there is nothing to tell of a run that never began, or of a task that is in no trace", () => {
  expect(spansOfRun(aRun({ exit: { kind: "returned" } }))).toEqual([]);
  expect(spansOfRun(aRun({ task: aTask({ traceParent: null }) }))).toEqual([]);
});
