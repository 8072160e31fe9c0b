import type { Failure, StartTask, StartTaskInformation } from "@kyanite/contract";
import { failureOf, type RunEnd } from "../task/task.ts";
import { isoTime } from "../time.ts";
import { waitsForStartTask } from "./boot.ts";
import { atRest, moveNode, type Node, nextNodeState } from "./node.ts";

/**
 * The node after its start task has ended: another try, ready for tasks, or `starttaskfailed` when the pool waits for
 * its success. Only a non-zero exit is tried again.
 * @param nextRunId id of the run that another try would have
 */
export function afterStartTaskExit(node: Node, end: RunEnd, nextRunId: string, now: Date): Node {
  const startTask = node.startTask;
  const failure = failureOf(end.exit);
  const retries = node.startTaskInfo?.retryCount ?? 0;
  const limit = startTask?.maxTaskRetryCount ?? 0;
  const mayRetry = failure?.code === "FailureExitCode" && (limit === -1 || retries < limit);
  if (mayRetry)
    return {
      ...node,
      startRunId: nextRunId,
      startTaskInfo: {
        state: "running",
        startTime: isoTime(end.startTime),
        retryCount: retries + 1,
        lastRetryTime: isoTime(now),
      },
    };
  const ended: Node = { ...node, startRunId: null, startTaskInfo: completedInfo(node, end, failure, retries) };
  const event = failure && waitsForStartTask(node) ? "startTaskFailed" : "ready";
  return nextNodeState(node.state, event) === undefined ? ended : atRest(moveNode(ended, event, now), now);
}

/**
 * The node with its start task about to run again: it takes no tasks until that has succeeded, if it waits for it at all.
 */
export function afterRerun(node: Node, startTask: StartTask, startRunId: string, now: Date): Node {
  const begun: Node = {
    ...moveNode(node, "rerunStartTask", now),
    startTask,
    startRunId,
    startTaskInfo: { state: "running", startTime: isoTime(now), retryCount: 0 },
  };
  return waitsForStartTask(begun) ? begun : atRest(moveNode(begun, "ready", now), now);
}

function completedInfo(
  node: Node,
  end: RunEnd,
  failure: Failure | undefined,
  retryCount: number,
): StartTaskInformation {
  const exitCode = end.exit.kind === "failed" ? undefined : end.exit.exitCode;
  return {
    state: "completed",
    startTime: isoTime(end.startTime),
    endTime: isoTime(end.endTime),
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(failure ? { failureInfo: failure } : {}),
    ...(end.container ? { containerInfo: end.container } : {}),
    retryCount,
    ...(node.startTaskInfo?.lastRetryTime === undefined ? {} : { lastRetryTime: node.startTaskInfo.lastRetryTime }),
    result: failure ? "failure" : "success",
  };
}
