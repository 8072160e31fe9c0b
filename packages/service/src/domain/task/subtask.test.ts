import { expect, test } from "vitest";
import { afterInstanceExit, afterTaskEnd, blaming, type Subtask, subtaskTransitions } from "./subtask.ts";

const start = new Date("2026-01-01T00:00:00Z");
const now = new Date("2026-01-01T00:01:00Z");

const aSubtask = (subtask: Partial<Subtask> = {}): Subtask => ({
  taskPk: 1,
  id: 2,
  state: "running",
  stateTransitionTime: start,
  previousState: null,
  previousStateTransitionTime: null,
  nodePk: 7,
  runId: "run",
  nodeInfo: { poolId: "p", nodeId: "n" },
  isCoordinated: true,
  startTime: start,
  endTime: null,
  exitCode: null,
  result: null,
  failureInfo: null,
  containerInfo: null,
  ...subtask,
});

test("a subtask that was coordinated has done its work when its task completes", () => {
  expect(afterTaskEnd(aSubtask(), now)).toMatchObject({
    state: "completed",
    previousState: "running",
    previousStateTransitionTime: start,
    stateTransitionTime: now,
    endTime: now,
    exitCode: 0,
    result: "success",
    failureInfo: null,
    nodePk: null,
    runId: null,
  });
});

test("a subtask that was not yet coordinated is ended with its task, and has no exit code", () => {
  for (const state of ["preparing", "running"] as const)
    expect(afterTaskEnd(aSubtask({ state, isCoordinated: false }), now)).toMatchObject({
      state: "completed",
      previousState: state,
      exitCode: null,
      result: "failure",
      failureInfo: { code: "TaskEnded" },
    });
});

test("a subtask whose own run failed says why, and keeps it when its task completes", () => {
  const end = { exit: { kind: "exited" as const, exitCode: 5 }, startTime: start, endTime: now };
  const failed = afterInstanceExit(aSubtask({ isCoordinated: false }), end, now);
  expect(failed).toMatchObject({
    state: "completed",
    exitCode: 5,
    result: "failure",
    failureInfo: { code: "FailureExitCode" },
    nodePk: 7,
    runId: null,
  });
  expect(afterTaskEnd(failed, new Date("2026-01-01T00:02:00Z"))).toEqual({ ...failed, nodePk: null });
});

test("nothing leaves the state in which a subtask is completed", () => {
  expect(subtaskTransitions.completed).toEqual({});
  const completed = aSubtask({ state: "completed", endTime: start, runId: null });
  const end = { exit: { kind: "exited" as const, exitCode: 5 }, startTime: start, endTime: now };
  expect(afterInstanceExit(completed, end, now)).toEqual(completed);
});

test("a task that succeeded blames nobody", () => {
  const succeeded = { failureInfo: null };
  expect(blaming(succeeded, aSubtask())).toEqual(succeeded);
});
