import type { Failure, StartTask } from "@kyanite/contract";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { aNode } from "../../../test/builders.ts";
import {
  afterBoot,
  afterPackages,
  afterRecovery,
  afterReturn,
  afterSetUp,
  type BootPlan,
  isRestarted,
} from "./boot.ts";
import { moveNode, type Node, nextNodeState, nodeTransitions } from "./node.ts";
import { afterStartTaskExit } from "./start-task.ts";

const now = new Date("2026-01-01T00:00:00Z");
const awaited: StartTask = { commandLine: "true", waitForSuccess: true };
const unawaited: StartTask = { commandLine: "true", waitForSuccess: false };
const plan: BootPlan = { setupId: null, packages: [], packageRunId: "install", startTask: null, startRunId: "run" };
const aPackage = {
  applicationId: "app",
  version: "1",
  isDefaultVersion: false,
  isKnown: true,
  contentId: "c",
  storageAccount: "s",
  container: "k",
};
const end = (exitCode: number) => ({ exit: { kind: "exited", exitCode }, startTime: now, endTime: now }) as const;

describe("after a boot", () => {
  test("a node without a start task is idle at once, and without what was wrong before", () => {
    const failure = { category: "ServerError", code: "DiskFull", message: "", details: [] } as const;
    const broken = aNode({ state: "unusable", errors: [{ ...failure, details: [] }], restartId: "r" });
    expect(afterBoot(broken, plan, now)).toMatchObject({ state: "idle", errors: null, restartId: null });
  });

  test("a node waits for its start task only when the pool does", () => {
    expect(afterBoot(aNode({ state: "creating" }), { ...plan, startTask: awaited }, now)).toMatchObject({
      state: "waitingforstarttask",
      startRunId: "run",
      startTaskInfo: { state: "running", retryCount: 0 },
    });
    expect(afterBoot(aNode({ state: "creating" }), { ...plan, startTask: unawaited }, now)).toMatchObject({
      state: "idle",
      startRunId: "run",
    });
  });

  test("a node that has to be set up is starting until that is done", () => {
    const starting = afterBoot(aNode({ state: "rebooting" }), { ...plan, startTask: awaited, setupId: "s" }, now);
    expect(starting).toMatchObject({ state: "starting", setupId: "s", startRunId: null });
    expect(afterSetUp(starting, "run", now)).toMatchObject({ state: "waitingforstarttask", startRunId: "run" });
  });

  test("a node has its packages, and is set up, before its start task begins, whichever is done first", () => {
    const both = { ...plan, startTask: awaited, setupId: "s", packages: [aPackage] };
    const starting = afterBoot(aNode({ state: "creating" }), both, now);
    expect(starting).toMatchObject({ state: "starting", setupId: "s", packageRunId: "install", startRunId: null });
    const { exit } = end(0);
    const begun = { state: "waitingforstarttask", startRunId: "run" };
    expect(afterPackages(starting, exit, "run", now)).toMatchObject({ state: "starting", startRunId: null });
    expect(afterSetUp(afterPackages(starting, exit, "run", now), "run", now)).toMatchObject(begun);
    expect(afterPackages(afterSetUp(starting, "run", now), exit, "run", now)).toMatchObject(begun);
  });

  test("a node whose packages are not to be had is unusable", () => {
    const missing = { ...plan, packages: [{ ...aPackage, contentId: null }] };
    expect(afterBoot(aNode({ state: "creating" }), missing, now)).toMatchObject({
      state: "unusable",
      packageRunId: null,
      errors: [{ category: "UserError" }],
    });
  });

  test("a node whose scheduling is disabled is offline, unless it was released", () => {
    const closed = aNode({ state: "rebooting", schedulingState: "disabled" });
    expect(afterBoot(closed, plan, now)).toMatchObject({ state: "offline", schedulingState: "disabled" });
    const started = { ...closed, state: "starting", pendingAction: "start" } as const;
    expect(afterBoot(started, plan, now)).toMatchObject({ state: "idle", schedulingState: "enabled" });
  });

  test("a node that is to lose its files begins again only when it has", () => {
    const node = aNode({ state: "reimaging", restartId: "r" });
    expect(isRestarted(node, undefined)).toBe(false);
    expect(isRestarted(node, "other")).toBe(false);
    expect(isRestarted(node, "r")).toBe(true);
    expect(isRestarted(aNode({ state: "rebooting", restartId: "r" }), undefined)).toBe(true);
  });
});

test("a node at work goes on when its accounts have been changed", () => {
  const node = aNode({ state: "running", runningTasks: 1, setupId: "s", startTask: awaited });
  expect(afterSetUp(node, "run", now)).toEqual({ ...node, setupId: null });
});

describe("whatever happens to a node", () => {
  type Step = (node: Node) => Node;
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc
      .record({
        startTask: fc.constantFrom(null, awaited, unawaited, { ...awaited, maxTaskRetryCount: 1 }),
        setupId: fc.constantFrom(null, "s"),
        packages: fc.constantFrom([], [aPackage], [{ ...aPackage, contentId: null }]),
      })
      .map(
        ({ startTask, setupId, packages }): Step =>
          (node) =>
            afterBoot({ ...node, runningTasks: 0 }, { ...plan, startTask, setupId, packages }, now),
      ),
    fc.constant<Step>((node) => (node.setupId === null ? node : afterSetUp(node, "run", now))),
    fc.constant<Step>((node) => (node.packageRunId === null ? node : afterPackages(node, end(0).exit, "run", now))),
    fc.constant<Step>((node) => afterReturn(node, "run", now)),
    fc.constantFrom(0, 1).map(
      (exitCode): Step =>
        (node) =>
          node.startRunId === null ? node : afterStartTaskExit(node, end(exitCode), "again", now),
    ),
    fc.constantFrom("silent", "fail", "reboot", "reimage", "deallocate", "deallocated", "start", "leave").map(
      (event): Step =>
        (node) =>
          nextNodeState(node.state, event) === undefined ? node : moveNode(node, event, now),
    ),
    fc.boolean().map(
      (isOpen): Step =>
        (node) => ({ ...node, schedulingState: isOpen ? "enabled" : "disabled" }),
    ),
  );
  const lives = fc.array(step, { maxLength: 30 });
  const created = aNode({ state: "creating", lastBootTime: null });

  test("it moves along the table", () => {
    fc.assert(
      fc.property(lives, (steps) => {
        steps.reduce((node, take) => {
          const next = take(node);
          const reachable: readonly string[] = reachableFrom(node.state);
          expect([node.state, ...reachable]).toContain(next.state);
          return next;
        }, created);
      }),
    );
  });

  const failedPackagesThenSilence: Step[] = [
    (node) => afterBoot(node, { ...plan, startTask: awaited, packages: [{ ...aPackage, contentId: null }] }, now),
    (node) => (nextNodeState(node.state, "silent") === undefined ? node : moveNode(node, "silent", now)),
    (node) => afterReturn(node, "run", now),
  ];

  const setUpWhileSilent: Step[] = [
    (node) => afterBoot(node, { ...plan, startTask: awaited, setupId: "set-up", packages: [] }, now),
    (node) => moveNode(node, "silent", now),
    (node) => afterSetUp(node, "run", now),
    (node) => afterReturn(node, "run", now),
  ];

  test("it takes no tasks while its start task has still to succeed, or while it is not set up", () => {
    fc.assert(
      fc.property(lives, (steps) => {
        steps.reduce((node, take) => {
          const next = take(node);
          const takesTasks = next.state === "idle" || next.state === "running";
          const waits = next.startTask?.waitForSuccess === true;
          if (takesTasks && waits) expect(next.startTaskInfo?.result).toBe("success");
          if (takesTasks) expect([next.setupId, next.packageRunId]).toEqual([null, null]);
          return next;
        }, created);
      }),
      { numRuns: 1_000, examples: [[failedPackagesThenSilence], [setUpWhileSilent]] },
    );
  });
});

/** Several events may follow from one thing that happens, so any number of steps along the table counts. */
function reachableFrom(state: Node["state"], known: readonly string[] = []): Node["state"][] {
  const next = Object.values(nodeTransitions[state]).filter((each) => !known.includes(each));
  return next.flatMap((each) => [each, ...reachableFrom(each, [...known, ...next])]);
}

describe("when a disk has room again", () => {
  const full: Failure = { category: "ServerError", code: "DiskFull", message: "full", details: [] };
  const other = { ...full, code: "Other" };
  const recovered = (node: Node) => afterRecovery(node, "DiskFull", "run", now);

  test("a node is used again", () => {
    expect(recovered(aNode({ state: "unusable", errors: [full] }))).toMatchObject({ state: "idle", errors: null });
    expect(recovered(aNode({ state: "unusable", errors: [full], runningTasks: 1 })).state).toBe("running");
  });

  test("a node stays unusable for what else is wrong", () => {
    expect(recovered(aNode({ state: "unusable", errors: [full, other] }))).toMatchObject({
      state: "unusable",
      errors: [other],
    });
  });

  test("a node goes on with its start task where it was", () => {
    const waiting = aNode({ state: "unusable", errors: [full], startTask: awaited });
    expect(recovered(waiting)).toMatchObject({ state: "waitingforstarttask", startRunId: "run" });
    const setUp = aNode({ state: "unusable", errors: [full], startTask: awaited, setupId: "s" });
    expect(recovered(setUp)).toMatchObject({ state: "starting", setupId: "s", startRunId: null });
  });

  test("a node that could not install its packages for want of room stays unusable", () => {
    const starting = aNode({ state: "starting", packages: [aPackage], packageRunId: "install" });
    const failed = afterPackages(starting, { kind: "failed", failure: full }, "run", now);
    expect(failed).toMatchObject({ state: "unusable", errors: [{ code: "ApplicationPackageError" }] });
    expect(recovered({ ...failed, errors: [...(failed.errors ?? []), full] }).state).toBe("unusable");
  });
});
