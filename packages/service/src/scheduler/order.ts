import type { JobSnapshot, WaitingTask } from "./snapshot.ts";

export interface OrderedTask extends WaitingTask {
  readonly jobPk: number;
}

/**
 * The tasks in the order in which they are offered a node: jobs of higher priority first; jobs of equal priority take
 * turns, so that an old job with many tasks does not keep a young one waiting.
 */
export function* inOrder(jobs: readonly JobSnapshot[]): Generator<OrderedTask> {
  const priorities = [...new Set(jobs.map((job) => job.priority))].sort((one, other) => other - one);
  for (const priority of priorities) yield* inTurns(jobs.filter((job) => job.priority === priority));
}

function* inTurns(jobs: readonly JobSnapshot[]): Generator<OrderedTask> {
  const longest = Math.max(0, ...jobs.map((job) => job.tasks.length));
  for (let turn = 0; turn < longest; turn++) {
    for (const { jobPk, tasks } of jobs) {
      const task = tasks[turn];
      if (task) yield { ...task, jobPk };
    }
  }
}
