import type { JobSnapshot, PoolSnapshot, WaitingTask } from "./snapshot.ts";

export interface OrderedTask extends WaitingTask {
  readonly jobPk: number;
  readonly priority: number;
}

/**
 * What jobs of equal priority share equally. `slots`: each holds as many as the others. `time`: each gets as much
 * running time, for short tasks that wait on nodes.
 */
export type Sharing = "slots" | "time";

/**
 * The tasks in the order in which they are offered a node: jobs of higher priority first, and of equal ones the managers
 * that start again, who would displace what was placed before them. Jobs of equal priority share what there is, so that
 * an old job with many tasks does not keep a young one waiting, unless the pool wants the old one first.
 * @param jobs in the order of their age
 */
export function* inOrder(
  jobs: readonly JobSnapshot[],
  jobOrder: PoolSnapshot["jobOrder"] = "none",
  sharing: Sharing = "slots",
): Generator<OrderedTask> {
  const priorities = [...new Set(jobs.map((job) => job.priority))].sort((one, other) => other - one);
  for (const priority of priorities) {
    const ofPriority = jobs.filter((job) => job.priority === priority);
    yield* inTurns(ofPriority.map((job) => withTasks(job, ({ isRestart = false }) => isRestart)));
    const equal = ofPriority.map((job) => withTasks(job, ({ isRestart = false }) => !isRestart));
    if (jobOrder === "creationtime") for (const job of equal) yield* inTurns([job]);
    else if (equal.length < 2 || equal.some(hasGang)) yield* inTurns(byTurn(equal));
    else yield* inShares(equal, sharing);
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
const byTurn = (jobs: readonly JobSnapshot[]): readonly JobSnapshot[] =>
  jobs.toSorted((one, other) => (one.turnTime ?? 0) - (other.turnTime ?? 0));

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

/** A job while its tasks are offered nodes: `slots` are those that it holds and those that it was offered. */
interface Queue {
  readonly job: JobSnapshot;
  readonly tasks: Iterator<WaitingTask>;
  next: WaitingTask | undefined;
  slots: number;
}

/** The next task is always one of the job that has least so far; of jobs that have the same, of the oldest. */
function* inShares(jobs: readonly JobSnapshot[], sharing: Sharing): Generator<OrderedTask> {
  const compare = sharing === "slots" ? bySlots : byTime;
  const queues = jobs.map(queueOf);
  for (;;) {
    const first = queues.reduce<Queue | undefined>(
      (least, queue) => (queue.next && (!least || compare(queue, least) < 0) ? queue : least),
      undefined,
    );
    if (!first?.next) return;
    yield { ...first.next, jobPk: first.job.jobPk, priority: first.job.priority };
    first.slots += first.next.requiredSlots;
    first.next = nextOf(first.tasks);
  }
}

function queueOf(job: JobSnapshot): Queue {
  const tasks = job.tasks.values();
  return { job, tasks, next: nextOf(tasks), slots: job.heldSlots ?? 0 };
}

function nextOf(tasks: Iterator<WaitingTask>): WaitingTask | undefined {
  const { done, value } = tasks.next();
  return done ? undefined : value;
}

const servedOf = ({ job }: Queue) => job.servedSeconds ?? 0;

/** Fewest slots first. If slots cannot be shared evenly, the job that has used the least slot time gets one more. */
const bySlots = (one: Queue, other: Queue) => takenOf(one) - takenOf(other) || servedOf(one) - servedOf(other);
const takenOf = ({ job, slots }: Queue) => Math.max(0, slots - (job.aheadSlots ?? 0));

/** First the job that will have used the least slot time when its present runs have ended. */
const byTime = (one: Queue, other: Queue) => timeOf(one) - timeOf(other);
const timeOf = (queue: Queue) => servedOf(queue) + queue.slots * (queue.job.runSeconds ?? usualSeconds);

/** The assumed length of a run while no run of its job has ended. */
const usualSeconds = 0.05;
