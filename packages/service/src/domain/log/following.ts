import type { TaskState } from "@kyanite/contract";

/** What followers have to know of a task. */
export interface TaskStanding {
  readonly pk: number;
  readonly state: TaskState;
  /** Of the run that is under way. */
  readonly runId: string | null;
  /** Which run of the task this is, or was the last one; it grows with each retry and requeue. */
  readonly run: number;
  readonly retryCount: number;
  readonly requeueCount: number;
  /** Where it runs or ran last; null when that node is gone. */
  readonly nodePk: number | null;
  readonly nodeId: string | null;
  readonly exitCode: number | null;
  readonly result: "success" | "failure" | null;
  readonly failureCode: string | null;
}

/** How far a follower has come. */
export interface Followed {
  readonly run: number | undefined;
  /** Of that run, as far as they are known. */
  readonly standing: TaskStanding | undefined;
  /** Whether all of the run is sent. */
  readonly isComplete: boolean;
}

export interface FollowOptions {
  /** Whether what is still to be written is wanted. */
  readonly isLive: boolean;
  /** Whether the next runs are wanted, too. */
  readonly retries: boolean;
}

/** Why a stream of a task's output ends by itself. */
export type TaskLogEnd = "taskCompleted" | "taskRetried" | "taskRequeued" | "nodeLost" | "taskDeleted" | "sent";

/** What a follower does next. */
export type FollowStep =
  | { readonly kind: "wait" }
  /** Reads what the run writes. */
  | { readonly kind: "live"; readonly runId: string; readonly nodePk: number }
  /** Reads what is there. */
  | { readonly kind: "rest" }
  | { readonly kind: "end"; readonly reason: TaskLogEnd };

/** Decides what comes next for who has followed a task so far; the task is undefined when it is deleted. */
export function nextFollowStep(
  task: TaskStanding | undefined,
  followed: Followed,
  { isLive, retries }: FollowOptions,
): FollowStep {
  if (!task) return { kind: "end", reason: "taskDeleted" };
  const isOver = followed.run !== undefined && followed.run < task.run;
  if (isOver && !retries) return { kind: "end", reason: whyOver(followed.standing, task) };
  const isSent = followed.run === task.run && followed.isComplete;
  if (task.state === "completed") return isSent ? { kind: "end", reason: "taskCompleted" } : { kind: "rest" };
  if (!isLive) return isSent || !isPlaced(task) ? { kind: "end", reason: "sent" } : { kind: "rest" };
  if (isSent || !isPlaced(task)) return { kind: "wait" };
  return { kind: "live", runId: task.runId, nodePk: task.nodePk };
}

/** Between two runs a task is on no node, or has no run there. */
function isPlaced(task: TaskStanding): task is TaskStanding & { readonly runId: string; readonly nodePk: number } {
  return task.runId !== null && task.nodePk !== null;
}

/** Why a run is not the task's last one. */
export function whyOver(before: TaskStanding | undefined, task: TaskStanding): TaskLogEnd {
  if (!before || task.retryCount > before.retryCount) return "taskRetried";
  return task.requeueCount > before.requeueCount ? "taskRequeued" : "nodeLost";
}
