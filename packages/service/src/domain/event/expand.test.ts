import { expect, test } from "vitest";
import type { EventRow, Facts, OtherRow, TaskChange, TaskRow } from "./event.ts";
import { expand } from "./expand.ts";

const common = { position: 7, time: new Date("2026-01-01T12:00:05Z"), accountPk: 1, size: 1 };

const aTask = (more: Partial<TaskChange>): TaskChange => ({
  id: "t",
  state: "active",
  previous_state: null,
  pool_id: null,
  node_id: null,
  is_manager: false,
  required_slots: 2,
  instances: null,
  max_retry_count: null,
  retry_count: 0,
  requeue_count: 0,
  internal_retry_count: 0,
  is_requeue: false,
  is_internal_retry: false,
  start_time: null,
  end_time: null,
  exit_code: null,
  result: null,
  failure_info: null,
  ...more,
});

const taskRow = (change: TaskRow["change"], ...changes: readonly Partial<TaskChange>[]): TaskRow => ({
  ...common,
  kind: "task",
  change,
  about: { jobId: "s:job-1", poolId: "p" },
  changes: changes.map(aTask),
});

const row = (kind: OtherRow["kind"], change: OtherRow["change"], about: OtherRow["about"], facts: Facts): OtherRow => ({
  ...common,
  kind,
  change,
  about,
  changes: [facts],
});

const kinds = (given: EventRow) => expand(given).map(({ kind }) => kind);

const onNode = { pool_id: "p", node_id: "n" };

test("a task of a schedule's job names the schedule, and the pool where it is to run", () => {
  const [added] = expand(taskRow("created", {}));
  expect(added).toMatchObject({
    kind: "task.created",
    state: "active",
    resource: {
      type: "task",
      jobId: "s:job-1",
      taskId: "t",
      jobScheduleId: "s",
      poolId: "p",
      path: "/jobs/s:job-1/tasks/t",
    },
  });
});

test("a run that starts is documented, again when it is a retry", () => {
  const started = { state: "running", previous_state: "active", ...onNode };
  expect(kinds(taskRow("changed", started, { ...started, previous_state: "running", retry_count: 1 }))).toEqual([
    "task.running",
    "TaskStartEvent",
    "task.running",
    "TaskStartEvent",
  ]);
  expect(
    expand(taskRow("changed", { ...started, is_manager: true, instances: 3, max_retry_count: 4 }))[1],
  ).toMatchObject({
    properties: {
      jobId: "s:job-1",
      id: "t",
      taskType: "JobManager",
      systemTaskVersion: 0,
      requiredSlots: 2,
      nodeInfo: { poolId: "p", nodeId: "n" },
      multiInstanceSettings: { numberOfInstances: 3 },
      constraints: { maxTaskRetryCount: 4 },
      executionInfo: { retryCount: 0 },
    },
  });
});

test("a task that never ran has no exit code when it completes", () => {
  const ended = {
    state: "completed",
    previous_state: "active",
    end_time: "2026-01-01T12:00:00.1234+00:00",
    result: "failure",
    failure_info: { category: "UserError", code: "TaskEnded", message: "ended", details: [] },
  };
  const [, completed, failed] = expand(taskRow("changed", ended));
  expect(failed).toEqual({ ...completed, kind: "TaskFailEvent" });
  expect(completed?.properties).toMatchObject({
    nodeInfo: { poolId: "p", nodeId: "" },
    executionInfo: {
      startTime: null,
      endTime: "2026-01-01T12:00:00.123Z",
      exitCode: null,
      retryCount: 0,
      requeueCount: 0,
      result: "Failure",
      schedulingError: ended.failure_info,
    },
  });
});

test("a success has an empty error", () => {
  const [, completed] = expand(taskRow("changed", { state: "completed", result: "success", exit_code: 0, ...onNode }));
  expect(completed?.properties.executionInfo).toMatchObject({
    exitCode: 0,
    result: "Success",
    schedulingError: { category: "", code: "", message: "", details: [] },
  });
});

test("a task that its node could not run is documented as not scheduled, one that somebody took back is not", () => {
  const back = { state: "active", previous_state: "running", ...onNode };
  const lost = { ...back, is_internal_retry: true, internal_retry_count: 1 };
  const unprepared = { ...back, previous_state: "preparing" };
  for (const change of [lost, unprepared])
    expect(kinds(taskRow("changed", change))).toEqual(["task.active", "TaskScheduleFailEvent"]);
  for (const change of [back, { ...unprepared, is_requeue: true }, { ...back, previous_state: "completed" }])
    expect(kinds(taskRow("changed", change))).toEqual(["task.active"]);
  expect(expand(taskRow("changed", lost))[1]?.properties).toMatchObject({
    systemTaskVersion: 1,
    schedulingError: { category: "ServerError", code: "Unknown", message: expect.any(String), details: [] },
  });
});

const facts = {
  state: "active",
  stateTime: "2026-01-01T12:00:00+00:00",
  allocationState: "steady",
  allocationTime: "2026-01-01T12:00:00+00:00",
  targetDedicatedNodes: 2,
  targetLowPriorityNodes: 0,
  enableAutoScale: false,
  nodeDeallocationOption: "taskcompletion",
  resizeErrors: null,
};
const pool = { poolId: "p", isAutoPool: true, currentDedicatedNodes: 2, currentLowPriorityNodes: 0 };
const changed = (before: object, after: object, more: object = {}) =>
  row("pool", "changed", pool, { before: { ...facts, ...before }, after: { ...facts, ...after }, ...more });

test("a resize that shrinks a pool names what becomes of tasks; one that lets it grow says invalid", () => {
  const to = (targetDedicatedNodes: number) =>
    expand(changed({}, { allocationState: "resizing", targetDedicatedNodes }));
  expect(to(1).map(({ kind }) => kind)).toEqual(["pool.targets", "pool.allocation.resizing", "PoolResizeStartEvent"]);
  expect(to(1)[2]?.properties).toEqual({
    id: "p",
    nodeDeallocationOption: "TaskCompletion",
    currentDedicatedNodes: 2,
    targetDedicatedNodes: 1,
    currentLowPriorityNodes: 0,
    targetLowPriorityNodes: 0,
    enableAutoScale: false,
    isAutoPool: true,
  });
  expect(to(3)[2]?.properties.nodeDeallocationOption).toBe("invalid");
});

test("a resize that did not succeed ends with its first error", () => {
  const resizeErrors = [{ code: "ResizeStopped", message: "stopped" }];
  const events = expand(changed({ allocationState: "stopping" }, { resizeErrors }, { hasShrunk: true }));
  expect(events.map(({ kind }) => kind)).toEqual(["pool.allocation.steady", "PoolResizeCompleteEvent"]);
  expect(events[1]?.properties).toMatchObject({
    nodeDeallocationOption: "TaskCompletion",
    resultCode: "ResizeStopped",
    resultMessage: "stopped",
  });
});

test("a deletion is no resize, though its nodes leave", () => {
  const after = { state: "deleting", allocationState: "resizing", targetDedicatedNodes: 0 };
  expect(kinds(changed({}, after)).filter((kind) => kind.startsWith("Pool"))).toEqual(["PoolDeleteStartEvent"]);
});

test("an evaluation of a formula has empty texts where nothing is wrong", () => {
  const run = { timestamp: "2026-01-01T12:00:00Z", formula: "$TargetDedicated=1;", results: "$TargetDedicated=1" };
  const expected = {
    id: "p",
    ...run,
    timestamp: "2026-01-01T12:00:00.000Z",
    error: { code: "", message: "", values: [] },
  };
  const events = expand(row("autoScale", "created", { poolId: "p" }, run));
  expect(events.map(({ kind, properties }) => ({ kind, properties }))).toEqual([
    { kind: "pool.autoscaled", properties: expected },
    { kind: "PoolAutoScaleEvent", properties: expected },
  ]);
});

test("nodes, jobs, schedules and packages tell of their states", () => {
  const states = (one: string, other: string) => ({ before: { state: one }, after: { state: other } });
  expect(kinds(row("job", "changed", { jobId: "j" }, states("active", "disabling")))).toEqual(["job.disabling"]);
  expect(kinds(row("jobSchedule", "deleted", { jobScheduleId: "s" }, { before: { state: "deleting" } }))).toEqual([
    "jobschedule.deleted",
  ]);
  expect(kinds(row("package", "changed", { applicationId: "a", version: "1" }, states("pending", "active")))).toEqual([
    "package.active",
  ]);
  const node = {
    before: { state: "running", schedulingState: "enabled" },
    after: { state: "idle", schedulingState: "disabled" },
  };
  expect(kinds(row("node", "changed", { poolId: "p", nodeId: "n" }, node))).toEqual([
    "node.idle",
    "node.scheduling.disabled",
  ]);
});
