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

/**
 * A node whose agent has started anew: its start task comes first, if the pool has one now. A node in a state that no
 * boot leads out of stays as it is.
 */
export function afterBoot(node: Node, startTask: StartTask | null, startRunId: string, now: Date): Node {
  if (nextNodeState(node.state, "boot") === undefined) return node;
  const isStarted = node.pendingAction === "start";
  const isDone = isStarted || node.pendingAction === "reboot";
  const started = {
    ...moveNode(node, "boot", now),
    schedulingState: isStarted ? "enabled" : node.schedulingState,
    pendingAction: isDone ? null : node.pendingAction,
    restartId: null,
    startTask,
    errors: null,
  } as const;
  if (!startTask) return atRest(moveNode({ ...started, startRunId: null, startTaskInfo: null }, "ready", now), now);
  const awaited: Node = {
    ...started,
    startRunId,
    startTaskInfo: { state: "running", startTime: isoTime(now), retryCount: 0 },
  };
  return waitsForStartTask(awaited)
    ? moveNode(awaited, "awaitStartTask", now)
    : atRest(moveNode(awaited, "ready", now), now);
}

/** A node that was given up and is heard of again goes on where it was, without the tasks that it had. */
export function afterReturn(node: Node, now: Date): Node {
  if (node.state !== "unknown") return node;
  if (!waitsForStartTask(node) || node.startTaskInfo === null) return atRest(moveNode(node, "return", now), now);
  if (node.startRunId !== null) return moveNode(node, "awaitStartTask", now);
  if (node.startTaskInfo.result === "failure") return moveNode(node, "startTaskFailed", now);
  return atRest(moveNode(node, "return", now), now);
}

/** Whether a node takes no tasks before its start task has succeeded. */
export function waitsForStartTask({ startTask }: Node): boolean {
  return startTask !== null && (startTask.waitForSuccess ?? true);
}
