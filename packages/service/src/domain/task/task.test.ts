import { describe, expect, test } from "vitest";
import {
  afterDisable,
  afterExit,
  afterNodeLoss,
  afterReactivation,
  afterTaking,
  afterTermination,
  maxInternalRetries,
  type RunEnd,
  type Task,
} from "./task.ts";

const start = new Date("2026-01-01T00:00:00Z");
const end = new Date("2026-01-01T00:00:10Z");
const now = new Date("2026-01-01T00:00:11Z");

const aTask = (task: Partial<Task> = {}): Task => ({
  pk: 1,
  jobPk: 1,
  id: "t",
  etag: "0x8",
  lastModified: start,
  creationTime: start,
  state: "running",
  stateTransitionTime: start,
  previousState: "active",
  previousStateTransitionTime: start,
  requiredSlots: 1,
  heldSlots: null,
  instances: null,
  firstStartTime: null,
  traceParent: null,
  wallClockSeconds: 0,
  resourceUse: null,
  waitingFor: 0,
  isSatisfied: false,
  retryCount: 0,
  lastRetryTime: null,
  requeueCount: 0,
  lastRequeueTime: null,
  internalRetryCount: 0,
  startTime: start,
  endTime: null,
  exitCode: null,
  result: null,
  failureInfo: null,
  containerInfo: null,
  nodePk: 7,
  runId: "r",
  nodeInfo: { poolId: "p", nodeId: "n" },
  spec: { id: "t", commandLine: "true", constraints: { maxTaskRetryCount: 0 } },
  ...task,
});

const withRetries = (maxTaskRetryCount: number) => ({
  spec: { id: "t", commandLine: "x", constraints: { maxTaskRetryCount } },
});
const ends = (exit: RunEnd["exit"]): RunEnd => ({ exit, startTime: start, endTime: end });
const exits = (exitCode: number) => ends({ kind: "exited", exitCode });
const quiet = { onTaskFailure: "noaction" } as const;
const strict = { onTaskFailure: "performexitoptionsjobaction" } as const;

describe("after the end of a run", () => {
  test("exit code 0 completes the task with success, at the node's times", () => {
    const { task } = afterExit(aTask(), quiet, exits(0), now);
    expect(task).toMatchObject({
      state: "completed",
      result: "success",
      exitCode: 0,
      failureInfo: null,
      startTime: start,
      endTime: end,
      nodePk: null,
      runId: null,
    });
    expect(task.isSatisfied).toBe(true);
  });

  test("another exit code is tried again on the same node while retries are left", () => {
    const { task } = afterExit(aTask(withRetries(2)), quiet, exits(3), now);
    expect(task).toMatchObject({ state: "running", retryCount: 1, lastRetryTime: now, nodePk: 7 });
  });

  test("the last retry completes the task as failed, and blocks those that depend on it", () => {
    const { task } = afterExit(aTask({ ...withRetries(2), retryCount: 2 }), quiet, exits(3), now);
    expect(task).toMatchObject({ state: "completed", result: "failure", exitCode: 3, isSatisfied: false });
    expect(task.failureInfo).toMatchObject({ category: "UserError", code: "FailureExitCode" });
  });

  test("-1 retries for ever", () => {
    expect(afterExit(aTask({ ...withRetries(-1), retryCount: 1000 }), quiet, exits(3), now).task.state).toBe("running");
  });

  test("a failure before the command is never tried again", () => {
    const failure = { category: "UserError", code: "BlobNotFound", message: "gone", details: [] } as const;
    const { task } = afterExit(
      aTask(withRetries(5)),
      quiet,
      ends({ kind: "failed", failure: { ...failure, details: [] } }),
      now,
    );
    expect(task).toMatchObject({ state: "completed", result: "failure", exitCode: null, failureInfo: failure });
  });

  test("a wall clock that ran out is not tried again", () => {
    const { task } = afterExit(
      aTask(withRetries(5)),
      quiet,
      ends({ kind: "ended", reason: "wallClock", exitCode: 143 }),
      now,
    );
    expect(task).toMatchObject({ state: "completed", exitCode: 143, failureInfo: { code: "TaskEnded" } });
  });

  test("a failed upload fails the task and keeps its exit code", () => {
    const uploadFailure = {
      category: "UserError" as const,
      code: "FileUploadContainerNotFound",
      message: "none",
      details: [],
    };
    const { task } = afterExit(aTask(), quiet, ends({ kind: "exited", exitCode: 0, uploadFailure }), now);
    expect(task).toMatchObject({ result: "failure", exitCode: 0, failureInfo: uploadFailure });
  });
});

describe("exit conditions", () => {
  const conditions = (exitConditions: NonNullable<Task["spec"]["exitConditions"]>) =>
    aTask({ spec: { id: "t", commandLine: "x", exitConditions } });

  test("a failure that nothing covers terminates a job that performs exit options", () => {
    expect(afterExit(aTask(), strict, exits(1), now).jobAction).toBe("terminate");
    expect(afterExit(aTask(), quiet, exits(1), now).jobAction).toBe("none");
    expect(afterExit(aTask(), strict, exits(0), now).jobAction).toBe("none");
  });

  test("a task that was ended on request asks nothing of its job; one whose wall clock ran out does", () => {
    const task = conditions({ default: { jobAction: "disable", dependencyAction: "satisfy" } });
    const ended = (reason: "cancelled" | "wallClock") => afterExit(task, strict, ends({ kind: "ended", reason }), now);
    expect(ended("cancelled")).toMatchObject({ jobAction: "none", task: { isSatisfied: true } });
    expect(ended("wallClock").jobAction).toBe("disable");
    expect(afterTaking(afterTermination(task, "on request", now), strict).jobAction).toBe("none");
  });

  test("a single code goes before a range, and a range before the default", () => {
    const task = conditions({
      exitCodes: [{ code: 5, exitOptions: { jobAction: "disable" } }],
      exitCodeRanges: [{ start: 4, end: 6, exitOptions: { jobAction: "none", dependencyAction: "satisfy" } }],
      default: { jobAction: "terminate" },
    });
    expect(afterExit(task, strict, exits(5), now).jobAction).toBe("disable");
    expect(afterExit(task, strict, exits(6), now)).toMatchObject({ jobAction: "none", task: { isSatisfied: true } });
    expect(afterExit(task, strict, exits(7), now).jobAction).toBe("terminate");
  });

  test("of ranges that overlap the first one counts, narrower or not", () => {
    const task = conditions({
      exitCodeRanges: [
        { start: 1, end: 9, exitOptions: { jobAction: "none" } },
        { start: 5, end: 5, exitOptions: { jobAction: "disable" } },
        { start: 8, end: 12, exitOptions: { jobAction: "terminate" } },
      ],
    });
    const actions = [5, 8, 10].map((code) => afterExit(task, strict, exits(code), now).jobAction);
    expect(actions).toEqual(["none", "none", "terminate"]);
  });

  test("the default does not cover success", () => {
    const task = conditions({ default: { dependencyAction: "block" } });
    expect(afterExit(task, quiet, exits(0), now).task.isSatisfied).toBe(true);
  });

  test("an entry for the exit code goes before that for a failed upload", () => {
    const uploadFailure = {
      category: "UserError" as const,
      code: "FileUploadAccessDenied",
      message: "no",
      details: [],
    };
    const task = conditions({
      exitCodes: [{ code: 0, exitOptions: { dependencyAction: "satisfy" } }],
      fileUploadError: { dependencyAction: "block" },
    });
    expect(afterExit(task, quiet, ends({ kind: "exited", exitCode: 0, uploadFailure }), now).task.isSatisfied).toBe(
      true,
    );
    expect(afterExit(task, quiet, ends({ kind: "exited", exitCode: 2, uploadFailure }), now).task.isSatisfied).toBe(
      false,
    );
  });
});

describe("what happens to a task from outside", () => {
  test("the loss of its node puts it back into the queue and spends no retry", () => {
    const task = afterNodeLoss(aTask({ retryCount: 1 }), now);
    expect(task).toMatchObject({
      state: "active",
      retryCount: 1,
      requeueCount: 0,
      internalRetryCount: 1,
      nodePk: null,
      runId: null,
    });
  });

  test("too many lost nodes fail it", () => {
    const task = afterNodeLoss(aTask({ internalRetryCount: maxInternalRetries }), now);
    expect(task).toMatchObject({ state: "completed", failureInfo: { code: "MaxInternalRetryCountReached" } });
  });

  test("a task that failed by lost nodes may lose as many again when it is reactivated", () => {
    const failed = afterNodeLoss(aTask({ internalRetryCount: maxInternalRetries }), now);
    const again = { ...afterReactivation(failed, now), state: "running" as const };
    expect(afterNodeLoss(again, now)).toMatchObject({ state: "active", internalRetryCount: 1 });
  });

  test("a requeue by request is counted", () => {
    expect(afterDisable(aTask(), now)).toMatchObject({ state: "active", requeueCount: 1, lastRequeueTime: now });
  });

  test("a termination completes it as failed, a reactivation forgets that", () => {
    const ended = afterTermination(aTask(), "asked", now);
    expect(ended).toMatchObject({ state: "completed", result: "failure", failureInfo: { code: "TaskEnded" } });
    expect(afterReactivation(ended, now)).toMatchObject({
      state: "active",
      result: null,
      failureInfo: null,
      endTime: null,
    });
  });
});
