import type { Failure, RunExit, StartTask } from "@kyanite/contract";
import { isInstallable, packageFailure, type ResolvedPackage } from "../account/application.ts";
import { isoTime } from "../time.ts";
import { atRest, moveNode, type Node, nextNodeState } from "./node.ts";

/**
 * Whether a node whose agent has started again may go to work. A node that is being reimaged may do so only when its
 * agent says that it has erased the files.
 */
export function isRestarted(node: Node, restartId: string | undefined): boolean {
  return node.state !== "reimaging" || (node.restartId !== null && node.restartId === restartId);
}

/** What a node gets from its pool when it boots, with the ids of what gives it that. */
export interface BootPlan {
  /** Of the set-up, if one is needed. */
  readonly setupId: string | null;
  readonly packages: readonly ResolvedPackage[];
  readonly packageRunId: string;
  readonly startTask: StartTask | null;
  readonly startRunId: string;
}

/**
 * A node whose agent has started anew: it is set up and gets its pool's application packages, so far as it needs that,
 * and then its start task comes, if the pool has one now. A node in a state that no boot leads out of stays as it is;
 * one whose packages are not to be had is `unusable`.
 */
export function afterBoot(node: Node, plan: BootPlan, now: Date): Node {
  if (nextNodeState(node.state, "boot") === undefined) return node;
  const isStarted = node.pendingAction === "start";
  const isDone = isStarted || node.pendingAction === "reboot";
  const failure = packageFailure(plan.packages);
  const packages = failure ? [] : plan.packages.filter(isInstallable);
  const started: Node = {
    ...moveNode(node, "boot", now),
    schedulingState: isStarted ? "enabled" : node.schedulingState,
    pendingAction: isDone ? null : node.pendingAction,
    restartId: null,
    setupId: plan.setupId,
    packages,
    packageRunId: packages.length === 0 ? null : plan.packageRunId,
    startTask: plan.startTask,
    startRunId: null,
    startTaskInfo: null,
    errors: failure ? [failure] : null,
  };
  return failure ? moveNode(started, "fail", now) : whenEquipped(started, plan.startRunId, now);
}

/** The node after its agent has set it up. */
export function afterSetUp(node: Node, startRunId: string, now: Date): Node {
  return whenEquipped({ ...node, setupId: null }, startRunId, now);
}

/**
 * The node after the installation of its pool's packages has ended; when that has failed the node is `unusable` until
 * it is rebooted.
 */
export function afterPackages(node: Node, exit: RunExit, startRunId: string, now: Date): Node {
  const installed: Node = { ...node, packageRunId: null };
  if (node.state === "starting" && exit.kind === "failed")
    return moveNode({ ...installed, errors: [...(node.errors ?? []), notInstalled(exit.failure)] }, "fail", now);
  return whenEquipped(installed, startRunId, now);
}

/**
 * A package that failed for lack of disk space becomes an error of its own. `DiskFull` would be taken back when there
 * is space again, but the package would still be missing.
 */
function notInstalled(failure: Failure): Failure {
  if (failure.code !== "DiskFull") return failure;
  return { ...failure, code: "ApplicationPackageError", details: [{ name: "Message", value: failure.message }] };
}

/** Whether the node has no start task, or has begun it. */
const hasBegunStartTask = (node: Node) => node.startTask === null || node.startTaskInfo !== null;

const isEquipped = (node: Node) => node.setupId === null && node.packageRunId === null;

/** Goes on with a starting node once it is set up and has its packages: its start task begins, or it is ready. */
function whenEquipped(node: Node, startRunId: string, now: Date): Node {
  if (node.state !== "starting" || !isEquipped(node)) return node;
  if (hasBegunStartTask(node)) return goneOn(node, "ready", now);
  return goneOn(
    { ...node, startRunId, startTaskInfo: { state: "running", startTime: isoTime(now), retryCount: 0 } },
    "ready",
    now,
  );
}

/** A node that was given up has reported again. It goes on where it was, but its tasks have been taken from it. */
export function afterReturn(node: Node, startRunId: string, now: Date): Node {
  return node.state === "unknown" ? returned(node, startRunId, now) : node;
}

function returned(node: Node, startRunId: string, now: Date): Node {
  const hasStarted = isEquipped(node) && hasBegunStartTask(node);
  return hasStarted ? goneOn(node, "return", now) : whenEquipped(moveNode(node, "boot", now), startRunId, now);
}

/**
 * The node after one of its problems is over. An `unusable` node without another problem goes back to work; a node in
 * any other state was at work all the time.
 */
export function afterRecovery(node: Node, code: string, startRunId: string, now: Date): Node {
  const errors = (node.errors ?? []).filter((error) => error.code !== code);
  const mended = { ...node, errors: errors.length > 0 ? errors : null };
  return mended.errors || node.state !== "unusable" ? mended : returned(mended, startRunId, now);
}

/** The next state of a node: its start task decides whether it may take tasks. */
function goneOn(node: Node, event: "ready" | "return", now: Date): Node {
  if (waitsForStartTask(node) && node.startRunId !== null) return moveNode(node, "awaitStartTask", now);
  if (waitsForStartTask(node) && node.startTaskInfo?.result === "failure")
    return moveNode(node, "startTaskFailed", now);
  return atRest(moveNode(node, event, now), now);
}

/** Whether a node takes no tasks before its start task has succeeded. */
export function waitsForStartTask({ startTask }: Node): boolean {
  return startTask !== null && (startTask.waitForSuccess ?? true);
}
