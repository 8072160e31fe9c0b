import {
  BatchError,
  type CollectionElement,
  reactivation,
  type TaskAddParameter,
  type TaskUpdateParameter,
} from "@kyanite/contract";
import type { Job } from "../domain/job/job.ts";
import { loadsOf } from "../domain/node/load.ts";
import { taskDirectory } from "../domain/run/directories.ts";
import { type NewTask, newTask } from "../domain/task/new-task.ts";
import { afterReactivation, afterTaking, afterTermination, checkTaskAction, type Task } from "../domain/task/task.ts";
import { taskConstraints } from "../domain/task/task-constraints.ts";
import type { Sql } from "../store/database.ts";
import { withdrawFromDependents } from "../store/dependencies.ts";
import { changeLoad, insertDirectoryRemovals } from "../store/nodes.ts";
import { notify, notifyOrders } from "../store/notices.ts";
import { readSubtasks } from "../store/subtasks.ts";
import { deleteTask, insertTasks, saveTasks, touchTask } from "../store/tasks.ts";
import { leaving } from "./gang.ts";
import { endJobsWhoseTasksAreComplete } from "./job.ts";
import { decideOutcomes, saveOutcomes } from "./outcome.ts";

/** What became of one task of a collection. */
export type AddedTask =
  | { readonly id: string; readonly etag: string }
  | { readonly id: string; readonly error: BatchError };

/** Adds tasks to a job that the caller holds, in one statement; each succeeds or fails by itself. */
export async function addTasks(
  sql: Sql,
  job: Job,
  elements: readonly CollectionElement<TaskAddParameter>[],
  now: Date,
  traceParent?: string,
): Promise<AddedTask[]> {
  const decided = elements.map((element) => ("error" in element ? element : decideTask(element.body, job)));
  const tasks = firstOfEachKey(decided.flatMap((decision) => ("task" in decision ? [decision.task] : [])));
  const inserted = new Map((await insertTasks(sql, job, tasks, now, traceParent)).map((task) => [task.key, task]));
  if (inserted.size > 0) await notify(sql, "schedule");
  return decided.map((decision) => {
    if ("error" in decision) return { id: decision.id, error: decision.error };
    const etag = inserted.get(decision.task.key)?.etag;
    const isNew = etag !== undefined && tasks.includes(decision.task);
    return isNew ? { id: decision.id, etag } : { id: decision.id, error: new BatchError("TaskExists") };
  });
}

type Decision = { readonly id: string; readonly task: NewTask } | { readonly id: string; readonly error: BatchError };

function decideTask(body: TaskAddParameter, job: Job): Decision {
  try {
    return { id: body.id, task: newTask(body, job) };
  } catch (cause) {
    if (cause instanceof BatchError) return { id: body.id, error: cause };
    throw cause;
  }
}

function firstOfEachKey(tasks: readonly NewTask[]): NewTask[] {
  const firsts = new Map<string, NewTask>();
  for (const task of tasks) if (!firsts.has(task.key)) firsts.set(task.key, task);
  return [...firsts.values()];
}

/** Ends a task at once, whether it runs or waits. */
export async function terminateTask(sql: Sql, task: Task, now: Date): Promise<{ etag: string }> {
  checkTaskAction(task, "terminate");
  await takeFromNodes(sql, [task], (each) => afterTermination(each, "The task was ended on request", now), now);
  return touchTask(sql, task, task.spec, now);
}

/** Replaces a task's constraints; a run that has begun keeps its wall clock. */
export async function updateTask(
  sql: Sql,
  task: Task,
  { constraints }: TaskUpdateParameter,
  now: Date,
): Promise<{ etag: string }> {
  checkTaskAction(task, "update");
  return touchTask(sql, task, { ...task.spec, constraints: taskConstraints(constraints) }, now);
}

/** Puts a task that failed back into the queue. */
export async function reactivateTask(sql: Sql, task: Task, now: Date): Promise<{ etag: string }> {
  checkTaskAction(task, "reactivate");
  const verdict = task.result === null ? "allowed" : reactivation[task.result];
  if (verdict !== "allowed") throw new BatchError(verdict);
  await saveTasks(sql, [afterReactivation(task, now)]);
  await notify(sql, "schedule");
  return touchTask(sql, task, task.spec, now);
}

/** Deletes a task: its run is ended, and its directory removed from the node. */
export async function removeTask(sql: Sql, job: Job, task: Task, now: Date): Promise<void> {
  const subtasks = task.instances === null ? [] : await readSubtasks(sql, [task.pk]);
  if (job.usesTaskDependencies && task.isSatisfied) await withdrawFromDependents(sql, task);
  await deleteTask(sql, task, now);
  await changeLoad(sql, loadsOf([task, ...leaving(subtasks)]), now);
  const nodeIds = [task, ...subtasks].flatMap(({ nodeInfo }) => nodeInfo?.nodeId ?? []);
  const nodePks = await insertDirectoryRemovals(sql, [...new Set(nodeIds)], taskDirectory(job.id, task.id));
  await notifyOrders(sql, nodePks);
  await endJobsWhoseTasksAreComplete(sql, [job.pk], now);
  await notify(sql, "schedule");
}

/** Ends or requeues tasks by a decision, with all that follows, and lets their agents know. */
export async function takeFromNodes(
  sql: Sql,
  tasks: readonly Task[],
  decide: (task: Task) => Task,
  now: Date,
): Promise<void> {
  const outcomes = await decideOutcomes(sql, tasks, (task, job) => afterTaking(decide(task), job));
  await saveOutcomes(sql, outcomes, { now });
  await notifyOrders(sql, [...new Set(tasks.flatMap(({ nodePk }) => nodePk ?? []))]);
}
