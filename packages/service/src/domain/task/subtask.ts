import type { Failure, RunContainer, RunExit, SubtaskState } from "@kyanite/contract";
import { entered, nextState, type Transitions } from "../transitions.ts";
import { afterContainer, failureOf, type RunEnd, type Task, type TaskNodeInfo, taskEnded } from "./task.ts";

/** An instance of a multi-instance task. The primary is number 0, and its run is the task's own. */
export interface Subtask {
  readonly taskPk: number;
  readonly id: number;
  readonly state: SubtaskState;
  readonly stateTransitionTime: Date;
  readonly previousState: SubtaskState | null;
  readonly previousStateTransitionTime: Date | null;
  readonly nodePk: number | null;
  readonly runId: string | null;
  readonly nodeInfo: TaskNodeInfo;
  /** Whether the coordination command has succeeded in the present run. */
  readonly isCoordinated: boolean;
  readonly startTime: Date | null;
  readonly endTime: Date | null;
  readonly exitCode: number | null;
  readonly result: "success" | "failure" | null;
  readonly failureInfo: Failure | null;
  readonly containerInfo: RunContainer | null;
}

type SubtaskEvent = "start" | "finish";

/** A subtask moves along this table and in no other way; when its task is tried again or requeued it begins anew. */
export const subtaskTransitions: Transitions<SubtaskState, SubtaskEvent> = {
  preparing: { start: "running", finish: "completed" },
  running: { finish: "completed" },
  completed: {},
};

function finish(subtask: Subtask, now: Date): Subtask {
  const state = nextState(subtaskTransitions, subtask.state, "finish");
  return state === undefined ? subtask : { ...entered(subtask, state, now), endTime: now, runId: null };
}

/** A subtask after its own run has failed, which fails the whole task. */
export function afterInstanceExit(
  subtask: Subtask,
  { exit, startTime, endTime, container }: RunEnd,
  now: Date,
): Subtask {
  if (subtask.state === "completed") return subtask;
  return {
    ...finish(subtask, now),
    startTime,
    endTime,
    exitCode: exitCodeOf(exit),
    result: "failure",
    failureInfo: failureOf(exit) ?? taskEnded("The instance ended before its task"),
    containerInfo: container ?? null,
  };
}

function exitCodeOf(exit: RunExit): number | null {
  return exit.kind === "failed" ? null : (exit.exitCode ?? null);
}

/** A subtask after its task has completed: it has done its work when its coordination command succeeded. */
export function afterTaskEnd(subtask: Subtask, now: Date): Subtask {
  const ended = { ...finish(subtask, now), nodePk: null, containerInfo: afterContainer(subtask.containerInfo) };
  if (subtask.state === "completed") return ended;
  if (subtask.isCoordinated) return { ...ended, exitCode: 0, result: "success" };
  return { ...ended, result: "failure", failureInfo: taskEnded("The instance was ended because its task was") };
}

/** Says in a task's failure which of its instances has failed. */
export function blaming<T extends Pick<Task, "failureInfo">>(task: T, subtask: Pick<Subtask, "id" | "nodeInfo">): T {
  if (!task.failureInfo) return task;
  const details = [
    ...task.failureInfo.details,
    { name: "SubtaskId", value: String(subtask.id) },
    { name: "NodeId", value: subtask.nodeInfo.nodeId },
  ];
  return { ...task, failureInfo: { ...task.failureInfo, details } };
}
