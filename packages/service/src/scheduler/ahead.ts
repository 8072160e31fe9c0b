import { planPool } from "./plan.ts";
import type { JobSnapshot, Placement, PoolSnapshot, Snapshot, WaitingTask } from "./snapshot.ts";

/** A run that has just ended by itself, and how long it took. */
export interface EndedRun {
  readonly jobPk: number;
  readonly nodePk: number;
  readonly seconds: number;
}

/**
 * What may be given to nodes ahead of time, so that a slot whose task has ended does not wait for us before it has the
 * next one.
 */
export interface Ahead {
  /** The jobs whose runs are short. */
  readonly jobPks: ReadonlySet<number>;
  /** For nodes, how many times their slots they may be given beyond those. */
  readonly depths: ReadonlyMap<number, number>;
}

/** For how long a node has work then. No task is held up for much longer, if the runs before it are no longer than others. */
const horizonSeconds = 0.1;
const mostDepth = 16;

/** What runs that have just ended say of those to come. */
export function aheadOf(ended: readonly EndedRun[]): Ahead {
  const ofJobs = meanSeconds(ended, ({ jobPk }) => jobPk);
  const ofNodes = meanSeconds(ended, ({ nodePk }) => nodePk);
  return {
    jobPks: new Set([...ofJobs].flatMap(([jobPk, seconds]) => (seconds <= horizonSeconds ? [jobPk] : []))),
    depths: new Map([...ofNodes].map(([nodePk, seconds]) => [nodePk, depthFor(seconds)])),
  };
}

const depthFor = (seconds: number) => Math.min(mostDepth, Math.floor(horizonSeconds / seconds));

function meanSeconds(ended: readonly EndedRun[], keyOf: (run: EndedRun) => number): Map<number, number> {
  const runs = total(ended, keyOf, () => 1);
  const seconds = total(ended, keyOf, (run) => run.seconds);
  return new Map([...seconds].map(([key, sum]) => [key, sum / (runs.get(key) ?? 1)]));
}

/**
 * Places waiting tasks of short jobs on nodes beyond their slots, once nobody else can have a slot: an ordinary task
 * that has been placed like this begins on its node when another ends.
 * @param placed what is placed in free slots of the same snapshot
 */
export function planAhead(snapshot: Snapshot, placed: readonly Placement[], ahead: Ahead): Placement[] {
  return snapshot.pools.flatMap((pool) => planPoolAhead(pool, placed, ahead));
}

function planPoolAhead(pool: PoolSnapshot, placed: readonly Placement[], { jobPks, depths }: Ahead): Placement[] {
  // How long a task that takes the whole node will take, the runs before it do not say.
  const isTaken = new Set(placed.flatMap(({ nodePk, isExclusive }) => (isExclusive ? [nodePk] : [])));
  const beyond = new Map(
    pool.nodes.map(({ nodePk, slots }) => [nodePk, isTaken.has(nodePk) ? 0 : slots * (depths.get(nodePk) ?? 0)]),
  );
  const taken = total(
    placed,
    ({ nodePk }) => nodePk,
    ({ requiredSlots }) => requiredSlots,
  );
  const nodes = pool.nodes.map((node) => {
    const excess = Math.max(0, (taken.get(node.nodePk) ?? 0) - node.freeSlots);
    return { ...node, freeSlots: Math.max(0, (beyond.get(node.nodePk) ?? 0) - excess) };
  });
  const room = nodes.reduce((sum, { freeSlots }) => sum + freeSlots, 0);
  if (room === 0) return [];
  const largest = Math.min(...nodes.map(({ slots }) => slots));
  const isPlaced = new Set(placed.map(({ taskPk }) => taskPk));
  const isMeant = (task: WaitingTask) =>
    isOrdinary(task) && task.requiredSlots <= largest && !isPlaced.has(task.taskPk);
  const started = total(
    placed,
    ({ jobPk }) => jobPk,
    () => 1,
  );
  const jobs = pool.jobs.flatMap((job): JobSnapshot[] => {
    if (!jobPks.has(job.jobPk)) return [];
    const tasks = job.tasks.filter(isMeant);
    // At the end of a queue no node takes all: others are about to have slots for what is left.
    const share = tasks.length > room ? room : Math.floor(tasks.length / 2);
    const headroom = (job.headroom ?? Number.POSITIVE_INFINITY) - (started.get(job.jobPk) ?? 0);
    return [{ ...job, tasks, headroom: Math.min(headroom, share) }];
  });
  return planPool({ ...pool, nodes, jobs, gangNodes: 0, preemptible: [] }).map((placement) => ({
    ...placement,
    beyond: beyond.get(placement.nodePk) ?? 0,
  }));
}

const isOrdinary = ({ instances, isExclusive, isRestart }: WaitingTask) =>
  instances === undefined && !isExclusive && !isRestart;

function total<Item>(items: readonly Item[], keyOf: (item: Item) => number, numberOf: (item: Item) => number) {
  const sums = new Map<number, number>();
  for (const item of items) sums.set(keyOf(item), (sums.get(keyOf(item)) ?? 0) + numberOf(item));
  return sums;
}
