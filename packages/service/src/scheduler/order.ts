import type { JobSnapshot, PoolSnapshot, WaitingTask } from "./snapshot.ts";

export interface OrderedTask extends WaitingTask {
  readonly jobPk: number;
  readonly priority: number;
}

/**
 * The tasks in the order in which they are offered a node: jobs of higher priority first, and of equal ones the managers
 * that start again, who would displace what was placed before them. Jobs of equal priority take turns, so that an old
 * job with many tasks does not keep a young one waiting, unless the pool wants the old one first.
 * @param jobs in the order of their age
 */
export function* inOrder(
  jobs: readonly JobSnapshot[],
  jobOrder: PoolSnapshot["jobOrder"] = "none",
): Generator<OrderedTask> {
  const priorities = [...new Set(jobs.map((job) => job.priority))].sort((one, other) => other - one);
  for (const priority of priorities) {
    const ofPriority = jobs.filter((job) => job.priority === priority);
    yield* inTurns(ofPriority.map((job) => withTasks(job, ({ isRestart = false }) => isRestart)));
    const equal = ofPriority.map((job) => withTasks(job, ({ isRestart = false }) => !isRestart));
    if (jobOrder === "none") yield* inTurns(byTurn(equal));
    else for (const job of equal) yield* inTurns([job]);
  }
}

const withTasks = (job: JobSnapshot, isMeant: (task: WaitingTask) => boolean): JobSnapshot => ({
  ...job,
  tasks: job.tasks.filter(isMeant),
});

/**
 * Where a multi-instance task waits, the job that was served longest ago goes first: otherwise others could take each
 * node as it becomes free, before there are ever enough of them.
 */
function byTurn(jobs: readonly JobSnapshot[]): readonly JobSnapshot[] {
  if (jobs.length < 2 || !jobs.some(hasGang)) return jobs;
  return jobs.toSorted((one, other) => (one.turnTime ?? 0) - (other.turnTime ?? 0));
}

/** Whether multi-instance tasks are among those of the job that wait. */
export function hasGang({ tasks }: JobSnapshot): boolean {
  return tasks.some(({ instances }) => instances !== undefined);
}

function* inTurns(jobs: readonly JobSnapshot[]): Generator<OrderedTask> {
  const longest = Math.max(0, ...jobs.map((job) => job.tasks.length));
  for (let turn = 0; turn < longest; turn++) {
    for (const { jobPk, priority, tasks } of jobs) {
      const task = tasks[turn];
      if (task) yield { ...task, jobPk, priority };
    }
  }
}
