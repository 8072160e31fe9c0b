import { type NewTask, newTask } from "../task/new-task.ts";
import type { Task } from "../task/task.ts";
import type { Job } from "./job.ts";

/** The place of the job manager in its job's queue: before every other task. */
const jobManagerRank = -1;

/** The task that a job begins with, or undefined when it has no job manager. */
export function managerTask(job: Job): NewTask | undefined {
  const manager = job.spec.jobManagerTask;
  if (!manager) return undefined;
  const { killJobOnCompletion, runExclusive, allowLowPriorityNode, ...task } = manager;
  return { ...newTask(task, job), queueRank: jobManagerRank };
}

/** Whether a task is its job's manager and the job ends with it. */
export function endsWithTask({ spec }: Job, task: Task): boolean {
  const manager = spec.jobManagerTask;
  return manager?.id.toLowerCase() === task.id.toLowerCase() && (manager.killJobOnCompletion ?? true);
}
