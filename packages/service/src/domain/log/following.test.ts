import { expect, test } from "vitest";
import { type Followed, nextFollowStep, type TaskStanding } from "./following.ts";

const running: TaskStanding = {
  pk: 1,
  state: "running",
  runId: "run",
  run: 1,
  retryCount: 0,
  requeueCount: 0,
  nodePk: 7,
  nodeId: "tvm",
  exitCode: null,
  result: null,
  failureCode: null,
};
const nothing: Followed = { run: undefined, standing: undefined, isComplete: false };
const some: Followed = { run: 1, standing: running, isComplete: false };
const all: Followed = { ...some, isComplete: true };
const waiting: TaskStanding = { ...running, state: "active", runId: null, nodePk: null };
const completed: TaskStanding = { ...running, state: "completed", runId: null, exitCode: 0, result: "success" };
const retried = { run: 2, retryCount: 1 };
const live = { kind: "live", runId: "run", nodePk: 7 };
const once = { isLive: true, retries: false };
const always = { isLive: true, retries: true };

test.each([
  ["is waited for when it has not begun", waiting, nothing, once, { kind: "wait" }],
  ["is followed when it runs", running, nothing, once, live],
  ["is followed again when its node could not be reached", running, some, once, live],
  ["is waited for when its run has ended and that is not recorded yet", running, all, once, { kind: "wait" }],
  ["is read when it has completed", completed, nothing, once, { kind: "rest" }],
  ["is read to the end when it has completed", completed, some, once, { kind: "rest" }],
  ["ends when it has completed and all is read", completed, all, once, { kind: "end", reason: "taskCompleted" }],
  ["ends when it is deleted", undefined, some, once, { kind: "end", reason: "taskDeleted" }],
  ["ends when it is run again", { ...running, ...retried }, all, once, { kind: "end", reason: "taskRetried" }],
  ["goes on when it is run again, if that is wanted", { ...running, ...retried }, all, always, live],
  ["is waited for before it is run again", { ...running, ...retried, runId: null }, all, always, { kind: "wait" }],
  ["ends when its node is lost", { ...waiting, run: 2 }, some, once, { kind: "end", reason: "nodeLost" }],
  [
    "ends when it is back in the queue",
    { ...waiting, run: 2, requeueCount: 1 },
    some,
    once,
    { kind: "end", reason: "taskRequeued" },
  ],
  [
    "is only read as far as it is there, if no more is wanted",
    running,
    nothing,
    { isLive: false, retries: false },
    { kind: "rest" },
  ],
  [
    "has nothing to be read before it runs",
    waiting,
    nothing,
    { isLive: false, retries: false },
    { kind: "end", reason: "sent" },
  ],
] as const)("a task %s", (_, task, followed, options, step) => {
  expect(nextFollowStep(task, followed, options)).toEqual(step);
});
