import { describe, expect, test } from "vitest";
import { aNode } from "../../../test/builders.ts";
import type { Task } from "../../domain/task/task.ts";
import { after } from "../../domain/time.ts";
import { call, explanationOf } from "./finding.ts";
import { explainNode } from "./node.ts";
import { taskTimeline } from "./timeline.ts";
import { whatHelps } from "./what-helps.ts";
import { amount, count, exactPeriod, names, period } from "./words.ts";

const now = new Date("2026-01-01T01:00:00Z");
const ago = (seconds: number) => after(now, -seconds);

describe("an explanation", () => {
  const holds = { code: "a", holds: true, text: "All is well" };
  const passes = { code: "b", holds: false, text: "It takes a while", passes: true, remedies: [{ text: "Wait" }] };
  const stays = { code: "c", holds: false, text: "It stays so" };
  const of = (...findings: readonly (typeof holds | typeof passes)[]) =>
    explanationOf({ kind: "task", id: "t", now }, findings, { otherwise: "Fine" });

  test("is about the first condition that does not hold, and stuck when one does not pass by itself", () => {
    expect(of(holds)).toMatchObject({ verdict: "fine", summary: "Fine.", remedies: [] });
    expect(of(holds, passes)).toMatchObject({ verdict: "waiting", summary: "It takes a while." });
    expect(of(holds, passes, stays)).toMatchObject({ verdict: "stuck", summary: "It takes a while." });
    expect(of(passes).remedies).toEqual([{ text: "Wait" }]);
    expect(of(passes, { ...passes, code: "d" }).remedies).toEqual([{ text: "Wait" }]);
  });

  test("has remedies as calls, with the parameters of the path and nothing else", () => {
    const place = { poolId: "p", nodeId: "n 1", token: "secret" };
    expect(call("Reboot", "ComputeNode_Reboot", place)).toEqual({
      text: "Reboot",
      operation: "ComputeNode_Reboot",
      method: "POST",
      path: "/pools/p/nodes/n%201/reboot",
      arguments: { poolId: "p", nodeId: "n 1" },
    });
  });
});

describe("words", () => {
  test("numbers and names", () => {
    expect([count(1, "task"), count(2, "task"), count(0, "retry", "retries")]).toEqual([
      "1 task",
      "2 tasks",
      "0 retries",
    ]);
    expect(names(["a"])).toBe("a");
    expect(names(["a", "b"])).toBe("a and b");
    expect(names(["a", "b", "c"])).toBe("a, b and c");
    expect(names(["a", "b", "c", "d"], 12)).toBe("a, b, c and 9 others");
  });

  test("periods", () => {
    expect([0.4, 90, 600, 7_200, 400_000].map(period)).toEqual(["0 s", "90 s", "10 min", "2 h", "5 days"]);
    expect([0.0004, 0.34, 0.9996, 9.94, 9.96, 300].map(exactPeriod)).toEqual([
      "0 ms",
      "340 ms",
      "1.0 s",
      "9.9 s",
      "10 s",
      "5 min",
    ]);
  });

  test("amounts", () => {
    expect([0, 999, 1_000, 9_960, 999_499, 999_500, 1.2e9, 5e15].map(amount)).toEqual([
      "0 B",
      "999 B",
      "1.0 kB",
      "10 kB",
      "999 kB",
      "1.0 MB",
      "1.2 GB",
      "5000 TB",
    ]);
  });
});

test("there is advice for whatever fails, the most special first", () => {
  expect(whatHelps({ code: "MemoryLimitExceeded" }, 137)[0]).toContain("requiredSlots");
  expect(whatHelps({ code: "FailureExitCode" }, 127)[0]).toContain("did not find the command");
  expect(whatHelps({ code: "FailureExitCode" }, 5)[0]).toContain("stderr.txt");
  expect(whatHelps({ code: "New" }, null)).toEqual(["The message says what is known"]);
});

describe("the time of a task", () => {
  const aTask: Task = {
    pk: 1,
    jobPk: 1,
    id: "t",
    etag: "0x8",
    lastModified: ago(100),
    creationTime: ago(100),
    state: "active",
    stateTransitionTime: ago(100),
    previousState: null,
    previousStateTransitionTime: null,
    requiredSlots: 1,
    heldSlots: null,
    instances: null,
    waitingFor: 0,
    isSatisfied: false,
    retryCount: 0,
    lastRetryTime: null,
    requeueCount: 0,
    lastRequeueTime: null,
    internalRetryCount: 0,
    firstStartTime: null,
    traceParent: null,
    wallClockSeconds: 0,
    resourceUse: null,
    startTime: null,
    endTime: null,
    exitCode: null,
    result: null,
    failureInfo: null,
    containerInfo: null,
    nodePk: null,
    runId: null,
    nodeInfo: null,
    spec: { id: "t", commandLine: "true" },
  };
  const timeOf = (task: Partial<Task>) =>
    taskTimeline({ ...aTask, ...task }, [], now).map(({ phase, seconds, isGoingOn }) => [phase, seconds, isGoingOn]);

  test("goes on while it waits, is prepared, or runs", () => {
    expect(timeOf({})).toEqual([["waiting", 100, true]]);
    expect(timeOf({ state: "preparing", stateTransitionTime: ago(30) })).toEqual([
      ["waiting", 70, false],
      ["preparing", 30, true],
    ]);
    expect(timeOf({ state: "running", startTime: ago(40) })).toEqual([
      ["waiting", 60, false],
      ["running", 40, true],
    ]);
  });

  test("has a part for runs that were tried again, and for the wait after them", () => {
    const ran = { firstStartTime: ago(90), wallClockSeconds: 50, retryCount: 1 };
    const ended = { state: "completed", result: "success", startTime: ago(30), endTime: ago(10) } as const;
    expect(timeOf({ ...ran, ...ended })).toEqual([
      ["waiting", 10, false],
      ["earlierRuns", 30, false],
      ["running", 20, false],
    ]);
    expect(timeOf({ ...ran, requeueCount: 1, stateTransitionTime: ago(5) })).toEqual([
      ["waiting", 10, false],
      ["waitingAgain", 5, true],
      ["earlierRuns", 50, false],
    ]);
  });

  test("of a run whose steps are known is divided among them", () => {
    const ended = { state: "completed", result: "success", startTime: ago(60), endTime: ago(0) } as const;
    const step = { name: "command", startTime: ago(59).toISOString(), endTime: ago(0).toISOString() } as const;
    const [, ran] = taskTimeline({ ...aTask, ...ended }, [step], now);
    expect(ran).toMatchObject({
      text: "It ran for 60 s: the command 59 s",
      steps: [{ step: "command", seconds: 59, text: "The command took 59 s of 60 s" }],
    });
    const [, unknown] = taskTimeline({ ...aTask, ...ended }, [], now);
    expect(unknown).not.toHaveProperty("steps");
    expect(unknown?.text).toContain("together");
  });

  test("of one that ended before it ran is its wait", () => {
    expect(timeOf({ state: "completed", result: "failure", endTime: ago(60) })).toEqual([["waiting", 40, false]]);
  });
});

describe("a node", () => {
  const told = (node: Partial<ReturnType<typeof aNode>>, usualSeconds: number | null = null) =>
    explainNode({ node: aNode(node), pool: { id: "p" }, usualSeconds, failure: undefined }, now);

  test("that is asked for says how long it may take, or what its provider says", () => {
    const creating = { state: "creating", allocationTime: ago(4) } as const;
    expect(told(creating).summary).toBe("The node was asked for 4 s ago and is not there yet.");
    expect(told(creating, 6).summary).toBe(
      "The node was asked for 4 s ago and is not there yet; it is expected in 2 s.",
    );
    expect(told({ ...creating, pendingReason: "Resources." }, 6).summary).toBe(
      "The node was asked for 4 s ago and is not there yet; its provider says: Resources.",
    );
  });

  test("that is closed, about to restart, full, unusable or out of reach says so", () => {
    expect(told({}).verdict).toBe("fine");
    expect(told({ schedulingState: "disabled" }).summary).toBe("The scheduling of the node is disabled.");
    expect(told({ pendingAction: "reboot", runningTasks: 1 }).summary).toBe(
      "The node takes no more tasks: reboot comes when the 1 task there has ended.",
    );
    expect(told({ state: "running", usedSlots: 1, runningTasks: 1 })).toMatchObject({
      verdict: "waiting",
      summary: "Every slot is taken: 1 task on 1 of 1 slot.",
    });
    const errors = [{ category: "UserError" as const, code: "DiskFull", message: "The disk is full.", details: [] }];
    expect(told({ state: "unusable", errors })).toMatchObject({
      verdict: "stuck",
      summary: "The node reports DiskFull: The disk is full.",
      remedies: [{ operation: "ComputeNode_Reboot" }],
    });
    expect(told({ state: "unknown", lastSeen: ago(300) }).summary).toBe(
      "The node is out of reach, and will be restarted; it was last heard of 5 min ago.",
    );
  });
});
