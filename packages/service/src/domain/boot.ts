import type { StartTask } from "@kyanite/contract";
import { atRest, moveNode, type Node, nextNodeState } from "./node.ts";
import { isoTime } from "./time.ts";

/**
 * Whether a node whose agent has started anew may begin again. One that is to lose its files may only when its agent
 * says that it has erased them.
 */
export function isRestarted(node: Node, restartId: string | undefined): boolean {
  return node.state !== "reimaging" || (node.restartId !== null && node.restartId === restartId);
}

/** What a boot may need: ids of the set-up, if one is needed, and of the run of the start task. */
export interface BootIds {
  readonly setupId: string | null;
  readonly startRunId: string;
}

/**
 * A node whose agent has started anew: it is set up, if it needs that, and then its start task comes, if the pool has
 * one now. A node in a state that no boot leads out of stays as it is.
 */
export function afterBoot(node: Node, startTask: StartTask | null, ids: BootIds, now: Date): Node {
  if (nextNodeState(node.state, "boot") === undefined) return node;
  const isStarted = node.pendingAction === "start";
  const isDone = isStarted || node.pendingAction === "reboot";
  const started: Node = {
    ...moveNode(node, "boot", now),
    schedulingState: isStarted ? "enabled" : node.schedulingState,
    pendingAction: isDone ? null : node.pendingAction,
    restartId: null,
    setupId: ids.setupId,
    startTask,
    startRunId: null,
    startTaskInfo: null,
    errors: null,
  };
  return started.setupId === null ? afterSetUp(started, ids.startRunId, now) : started;
}

/** A node that has all that it needs: a starting one goes on with its start task, any other with what it was doing. */
export function afterSetUp(node: Node, startRunId: string, now: Date): Node {
  const ready = { ...node, setupId: null };
  if (ready.state !== "starting") return ready;
  if (ready.startTask === null || ready.startTaskInfo !== null) return goneOn(ready, "ready", now);
  return goneOn(
    { ...ready, startRunId, startTaskInfo: { state: "running", startTime: isoTime(now), retryCount: 0 } },
    "ready",
    now,
  );
}

/** A node that was given up and is heard of again goes on where it was, without the tasks that it had. */
export function afterReturn(node: Node, now: Date): Node {
  if (node.state !== "unknown") return node;
  return node.setupId === null ? goneOn(node, "return", now) : moveNode(node, "boot", now);
}

/** A node goes on as far as its start task lets it. */
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
