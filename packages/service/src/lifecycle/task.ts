import { BatchError, type TaskAddParameter } from "@kyanite/contract";
import { taskDirectory } from "../domain/directories.ts";
import type { Job } from "../domain/job.ts";
import { loadsOf } from "../domain/load.ts";
import { type NewTask, newTask } from "../domain/new-task.ts";
import { afterReactivation, afterTermination, type Task } from "../domain/task.ts";
import type { Sql } from "../store/database.ts";
import { changeLoad, insertDirectoryRemoval } from "../store/nodes.ts";
import { notify, notifyOrders } from "../store/notices.ts";
import { deleteTask, insertTasks, saveTasks, touchTask } from "../store/tasks.ts";

/** What became of one task of a collection. */
export type AddedTask =
  | { readonly id: string; readonly etag: string }
  | { readonly id: string; readonly error: BatchError };

/** Adds tasks to a job that the caller holds, in one statement; each succeeds or fails by itself. */
export async function addTasks(
  sql: Sql,
  job: Job,
  bodies: readonly TaskAddParameter[],
  now: Date,
): Promise<AddedTask[]> {
  const decided = bodies.map((body) => decideTask(body, job));
  const tasks = firstOfEachKey(decided.flatMap((decision) => ("task" in decision ? [decision.task] : [])));
  const inserted = new Map((await insertTasks(sql, job, tasks, now)).map((task) => [task.key, task]));
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
  if (task.state === "completed") throw new BatchError("TaskCompleted");
  await takeFromNodes(sql, [task], (each) => afterTermination(each, "The task was ended on request", now), now);
  return touchTask(sql, task, task.spec, now);
}

/** Puts a task that failed back into the queue. */
export async function reactivateTask(sql: Sql, task: Task, now: Date): Promise<{ etag: string }> {
  if (task.state !== "completed") throw new BatchError("TaskNotCompleted");
  if (task.result === "success") throw new BatchError("TaskSucceeded");
  await saveTasks(sql, [afterReactivation(task, now)]);
  await notify(sql, "schedule");
  return touchTask(sql, task, task.spec, now);
}

/** Deletes a task: its run is ended, and its directory removed from the node. */
export async function removeTask(sql: Sql, job: Job, task: Task, now: Date): Promise<void> {
  await deleteTask(sql, task);
  await changeLoad(sql, loadsOf([task]), now);
  const nodePk = task.nodeInfo
    ? await insertDirectoryRemoval(sql, task.nodeInfo.nodeId, taskDirectory(job.id, task.id))
    : undefined;
  await notifyOrders(sql, nodePk === undefined ? [] : [nodePk]);
  await notify(sql, "schedule");
}

/** Ends or requeues tasks by a decision, frees their slots, and lets their agents know. */
export async function takeFromNodes(
  sql: Sql,
  tasks: readonly Task[],
  decide: (task: Task) => Task,
  now: Date,
): Promise<void> {
  if (tasks.length === 0) return;
  await saveTasks(sql, tasks.map(decide));
  await changeLoad(sql, loadsOf(tasks), now);
  await notifyOrders(sql, [...new Set(tasks.flatMap(({ nodePk }) => nodePk ?? []))]);
  await notify(sql, "schedule");
}
