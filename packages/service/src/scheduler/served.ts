import type { EndedRun } from "./ahead.ts";
import { SentAhead } from "./sent-ahead.ts";
import type { JobSnapshot, Placement, PoolSnapshot, Snapshot } from "./snapshot.ts";

interface ServedJob {
  /** Slot-seconds. Only differences between jobs of the same pool mean anything. */
  seconds: number;
  /** How long a run takes, by the runs that ended lately. */
  runSeconds: number | undefined;
  /** When the job was last among those with waiting tasks; in milliseconds. */
  seen: number;
}

interface ServedPool {
  readonly jobs: Map<number, ServedJob>;
  /**
   * By priority: the slot time of the job that had used the least, when the pool was last looked at. It never
   * decreases.
   */
  readonly least: Map<number, number>;
  /** When that was; in milliseconds. */
  seen: number;
  /** How many jobs had waiting tasks then. */
  waitingJobs: number;
}

/** How long a job is remembered that has no waiting tasks, and how often those are forgotten; in milliseconds. */
const rememberedMilliseconds = 600_000;
const forgettingMilliseconds = 60_000;

/** The weight of the latest run in the average length of a job's runs. */
const weightOfLast = 0.2;

/**
 * How much of the slots of their pools jobs have had, as far as this server has seen. Where slots cannot be shared
 * evenly among jobs of equal priority, it says who has to wait. Each server keeps its own account, since a sum of even
 * shares is even; after a restart it begins anew. A job that comes late, or comes back, begins with what the job has
 * that has had least: it neither makes up for the time before nor has to wait for it.
 */
export class Served {
  readonly #pools = new Map<number, ServedPool>();
  /** Of all pools. */
  readonly #jobs = new Map<number, ServedJob>();
  readonly #ahead = new SentAhead();
  #forgotten = 0;

  /** Notes runs that have ended. */
  note(ended: readonly EndedRun[]): void {
    for (const { jobPk, slots, seconds } of ended) {
      const job = this.#jobs.get(jobPk);
      if (!job) continue;
      const { runSeconds = seconds } = job;
      job.seconds += slots * seconds;
      job.runSeconds = runSeconds + weightOfLast * (seconds - runSeconds);
    }
  }

  /** Slot-seconds of the jobs that are known in a pool, by their primary keys. */
  ofPool(poolPk: number): ReadonlyMap<number, number> {
    const jobs = this.#pools.get(poolPk)?.jobs ?? new Map<number, ServedJob>();
    return new Map([...jobs].map(([jobPk, { seconds }]) => [jobPk, seconds]));
  }

  /** How many jobs had waiting tasks when the pool was last looked at. */
  countWaitingJobs(poolPk: number): number {
    return this.#pools.get(poolPk)?.waitingJobs ?? 0;
  }

  /** Notes which of these tasks are sent to nodes ahead of time. */
  noteAhead(placements: readonly Placement[], now: Date): void {
    this.#ahead.add(placements, now.getTime());
  }

  /** The snapshot with what its jobs have had, and the slots for which their tasks still wait on nodes. */
  addTo(snapshot: Snapshot, now: Date): Snapshot {
    this.#forget(now.getTime());
    for (const { nodes } of snapshot.pools) this.#ahead.look(nodes, now.getTime());
    return { pools: snapshot.pools.map((pool) => this.#addToPool(pool, now.getTime())) };
  }

  #addToPool(snapshot: PoolSnapshot, now: number): PoolSnapshot {
    const pool: ServedPool = this.#pools.get(snapshot.poolPk) ?? newPool();
    this.#pools.set(snapshot.poolPk, pool);
    pool.waitingJobs = snapshot.jobs.length;
    const jobs = snapshot.jobs.map((job) => ({ job, served: this.#find(job, pool) }));
    const [waiting, coming] = partition(jobs, ({ served }) => served.seen === pool.seen);
    for (const [priority, seconds] of leastOf(waiting)) pool.least.set(priority, seconds);
    for (const { job, served } of coming) served.seconds = Math.max(served.seconds, pool.least.get(job.priority) ?? 0);
    for (const { served } of jobs) served.seen = now;
    pool.seen = now;
    return { ...snapshot, jobs: jobs.map((job) => this.#withServed(job)) };
  }

  #find({ jobPk }: JobSnapshot, pool: ServedPool): ServedJob {
    const job = this.#jobs.get(jobPk) ?? { seconds: 0, runSeconds: undefined, seen: Number.NEGATIVE_INFINITY };
    this.#jobs.set(jobPk, job);
    pool.jobs.set(jobPk, job);
    return job;
  }

  #withServed({ job, served: { seconds, runSeconds } }: SeenJob): JobSnapshot {
    return {
      ...job,
      aheadSlots: this.#ahead.slotsOf(job.jobPk),
      servedSeconds: seconds,
      ...(runSeconds === undefined ? {} : { runSeconds }),
    };
  }

  #forget(now: number): void {
    if (now - this.#forgotten < forgettingMilliseconds) return;
    this.#forgotten = now;
    this.#ahead.forgetBefore(now - forgettingMilliseconds);
    for (const [poolPk, { jobs }] of this.#pools) {
      for (const [jobPk, { seen }] of jobs) {
        if (now - seen < rememberedMilliseconds) continue;
        jobs.delete(jobPk);
        this.#jobs.delete(jobPk);
      }
      if (jobs.size === 0) this.#pools.delete(poolPk);
    }
  }
}

interface SeenJob {
  readonly job: JobSnapshot;
  readonly served: ServedJob;
}

const newPool = (): ServedPool => ({ jobs: new Map(), least: new Map(), seen: 0, waitingJobs: 0 });

/** With what its present runs will have used: they have begun when nobody else waited, at least in part. */
function leastOf(jobs: readonly SeenJob[]): Map<number, number> {
  const least = new Map<number, number>();
  for (const { job, served } of jobs) {
    const seconds = served.seconds + (job.heldSlots ?? 0) * (served.runSeconds ?? 0);
    least.set(job.priority, Math.min(seconds, least.get(job.priority) ?? Number.POSITIVE_INFINITY));
  }
  return least;
}

const partition = <Item>(items: readonly Item[], isMeant: (item: Item) => boolean) =>
  [items.filter(isMeant), items.filter((item) => !isMeant(item))] as const;
