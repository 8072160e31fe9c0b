import { inOrder } from "./order.ts";
import { planPool } from "./plan.ts";
import type { JobSnapshot, Placement, PoolSnapshot, Snapshot, WaitingTask } from "./snapshot.ts";

/** A run that has just ended, and how long it took. */
export interface EndedRun {
  readonly jobPk: number;
  readonly nodePk: number;
  /** How many slots of the node it has freed. */
  readonly slots: number;
  readonly seconds: number;
  /**
   * Whether it was ended on request or failed before its command ran. Its length then tells nothing about other runs.
   */
  readonly isCut?: boolean;
  /** Whether it ran in a container, which takes some tenths of a second to begin and to end whatever it does. */
  readonly isContained?: boolean;
}

/**
 * Tasks that nodes get before they have a free slot for them. When a task ends, its node begins the next one at once,
 * without waiting for the service.
 */
export interface Ahead {
  /** The jobs whose runs are short. */
  readonly jobPks: ReadonlySet<number>;
  /** For each node, how many tasks it may have waiting for each of its slots, beyond those that run. */
  readonly depths: ReadonlyMap<number, number>;
  /**
   * So many slots become free at the same time, at least. A task that needs more is not sent ahead: it might never find
   * enough of them free at once.
   */
  readonly slots: number;
}

/**
 * A node is given about as much waiting work as it finishes in this time, so a task sent ahead waits little longer than
 * this.
 */
const horizonSeconds = 0.05;
const greatestDepth = 16;
const depthInBacklog = 3;

/**
 * A container that is over within this time is short: most of it is the runtime's work. One is enough to wait for each
 * slot, since the service hears of its beginning long before its end.
 */
const containerHorizonSeconds = 1;

/**
 * Decides from the runs that have just ended which jobs have short runs, and so how much work their nodes get ahead of
 * time.
 * @param isBacklogged whether more ends wait to be recorded: then it is not the nodes that wait, and less is enough
 */
export function aheadOf(runs: readonly EndedRun[], { isBacklogged = false } = {}): Ahead {
  const ended = runs.filter(({ isCut }) => !isCut);
  const most = isBacklogged ? depthInBacklog : greatestDepth;
  const ofJobs = meanLengths(ended, ({ jobPk }) => jobPk);
  const ofNodes = meanLengths(ended, ({ nodePk }) => nodePk);
  return {
    jobPks: new Set([...ofJobs].flatMap(([jobPk, length]) => (length <= 1 ? [jobPk] : []))),
    depths: new Map([...ofNodes].map(([nodePk, length]) => [nodePk, Math.min(most, Math.floor(1 / length))])),
    slots: Math.min(...ended.map(({ slots }) => slots)),
  };
}

/** As a part of the horizon of its kind, so that one more fits in for each time that it does. */
const lengthOf = ({ seconds, isContained }: EndedRun) =>
  isContained ? Math.max(1, seconds / containerHorizonSeconds) : seconds / horizonSeconds;

function meanLengths(ended: readonly EndedRun[], keyOf: (run: EndedRun) => number): Map<number, number> {
  const runs = total(ended, keyOf, () => 1);
  const lengths = total(ended, keyOf, lengthOf);
  return new Map([...lengths].map(([key, sum]) => [key, sum / (runs.get(key) ?? 1)]));
}

/**
 * Places waiting tasks on nodes beyond their slots, to begin there when others end. Of jobs whose runs are not known to
 * be short there are no more than the nodes have slots, since more could not begin soon. Nobody is overtaken: where the
 * next in order may not go ahead, all that come after it have to wait too, and nodes have free slots soon.
 * @param placed what is placed in free slots of the same snapshot
 */
export function planAhead(snapshot: Snapshot, placed: readonly Placement[], ahead: Ahead): Placement[] {
  return snapshot.pools.flatMap((pool) => planPoolAhead(pool, placed, ahead));
}

function planPoolAhead(pool: PoolSnapshot, placed: readonly Placement[], ahead: Ahead): Placement[] {
  const beyond = slotsBeyond(pool, placed, ahead.depths);
  const nodes = roomAhead(pool, placed, beyond);
  const room = nodes.reduce((sum, { freeSlots }) => sum + freeSlots, 0);
  if (room === 0) return [];
  const waiting = stillWaiting(pool, placed, room);
  const next = new Set<number>();
  let unknown = nodes.reduce((sum, { freeSlots, slots }) => sum + (freeSlots > 0 ? slots : 0), 0);
  for (const task of inOrder(waiting, pool.jobOrder, "time")) {
    if (!ahead.jobPks.has(task.jobPk)) unknown -= task.requiredSlots;
    if (unknown < 0 || task.requiredSlots > ahead.slots || !isOrdinary(task)) break;
    next.add(task.taskPk);
  }
  const jobs = waiting.map((job) => ({ ...job, tasks: job.tasks.filter(({ taskPk }) => next.has(taskPk)) }));
  return planPool({ ...pool, nodes, jobs, gangNodes: 0, preemptible: [] }, "time").map((placement) => ({
    ...placement,
    beyond: beyond.get(placement.nodePk) ?? 0,
  }));
}

/** To how many slots beyond its own each node may be filled. */
function slotsBeyond({ nodes }: PoolSnapshot, placed: readonly Placement[], depths: Ahead["depths"]) {
  // Nothing waits behind a task that takes the whole node: how long that one will run cannot be told from the runs
  // before it.
  const isTaken = new Set(placed.flatMap(({ nodePk, isExclusive }) => (isExclusive ? [nodePk] : [])));
  return new Map(
    nodes.map(({ nodePk, slots }) => [nodePk, isTaken.has(nodePk) ? 0 : slots * (depths.get(nodePk) ?? 0)]),
  );
}

/** The nodes with the slots that tasks sent ahead may still take. */
function roomAhead({ nodes }: PoolSnapshot, placed: readonly Placement[], beyond: ReadonlyMap<number, number>) {
  const taken = total(
    placed,
    ({ nodePk }) => nodePk,
    ({ requiredSlots }) => requiredSlots,
  );
  return nodes.map((node) => {
    const excess = Math.max(0, (taken.get(node.nodePk) ?? 0) - node.freeSlots);
    return { ...node, freeSlots: Math.max(0, (beyond.get(node.nodePk) ?? 0) - excess) };
  });
}

/** The jobs with those of their tasks that still wait and could run. */
function stillWaiting({ jobs, nodes }: PoolSnapshot, placed: readonly Placement[], room: number): JobSnapshot[] {
  const largest = Math.max(...nodes.map(({ slots }) => slots));
  const isPlaced = new Set(placed.map(({ taskPk }) => taskPk));
  const started = total(
    placed,
    ({ jobPk }) => jobPk,
    () => 1,
  );
  return jobs.map((job) => {
    const waiting = job.tasks.filter(({ taskPk, requiredSlots }) => !isPlaced.has(taskPk) && requiredSlots <= largest);
    const left = Math.max(0, (job.headroom ?? Number.POSITIVE_INFINITY) - (started.get(job.jobPk) ?? 0));
    // When few tasks are left, a node gets half of them at most: other nodes will soon have free slots for the rest.
    const share = job.hasMore || waiting.length > room ? room : Math.ceil(waiting.length / 2);
    const hasMore = job.hasMore || share < Math.min(left, waiting.length);
    return { ...job, tasks: waiting.slice(0, Math.min(left, share)), hasMore };
  });
}

/** Whether it needs neither whole nodes nor the slots of others. */
export const isOrdinary = ({ instances, isExclusive, isRestart }: WaitingTask) =>
  instances === undefined && !isExclusive && !isRestart;

function total<Item>(items: readonly Item[], keyOf: (item: Item) => number, numberOf: (item: Item) => number) {
  const sums = new Map<number, number>();
  for (const item of items) sums.set(keyOf(item), (sums.get(keyOf(item)) ?? 0) + numberOf(item));
  return sums;
}
