import { type Node, schedulableStates } from "../node/node.ts";
import type { Limit, Room } from "./allocation.ts";
import type { Pool, ResizeError } from "./pool.ts";

/** A node of a pool, and whether a job manager runs there, whose job would stand still without it. */
export interface PoolNode extends Node {
  readonly runsManager?: boolean;
}

/** What a pool does next about the number of its nodes. */
export interface ResizeStep {
  /** Nodes to be made now. */
  readonly grow: { readonly dedicated: number; readonly lowPriority: number };
  /** Nodes that leave the pool now. */
  readonly shrink: readonly Node[];
  /** Nodes that were leaving and stay after all, because their tasks took too long. */
  readonly keep: readonly Node[];
  /** Whether the pool has come to rest, and with which errors; undefined while it is still under way. */
  readonly settled?: { readonly errors: readonly ResizeError[] };
}

/** After so many failed attempts the service stops asking the provider for a node. */
export const mostStartFailures = 3;

const nothing = { grow: { dedicated: 0, lowPriority: 0 }, shrink: [], keep: [] } as const;

/**
 * Compares the nodes a pool has with those it should have. It takes no history, so a pool whose server died in the
 * middle of a resize goes on where it was.
 */
export function resizeStep(pool: Pool, nodes: readonly PoolNode[], room: Room, now: Date): ResizeStep {
  if (pool.state === "deleting") return deleteStep(nodes);
  if (pool.allocationState === "stopping") return stopStep(pool, nodes);
  const dedicated = kindOf(pool, nodes, true);
  const lowPriority = kindOf(pool, nodes, false);
  if (pool.resizeDeadline !== null && pool.resizeDeadline <= now) return timeOut([dedicated, lowPriority]);
  const most = smallest([...room.shared, ...room.dedicated]);
  const dedicatedGrowth = Math.min(dedicated.missing, most.nodes);
  const left = room.shared.map((limit) => ({ ...limit, nodes: limit.nodes - dedicatedGrowth }));
  const mostLowPriority = smallest([...left, ...room.lowPriority]);
  const grow = { dedicated: dedicatedGrowth, lowPriority: Math.min(lowPriority.missing, mostLowPriority.nodes) };
  const shrink = [dedicated, lowPriority].flatMap(surplusOf);
  if (grow.dedicated + grow.lowPriority + shrink.length > 0) return { ...nothing, grow, shrink };
  if (nodes.some((node) => node.state === "leavingpool" || isAwaited(node))) return nothing;
  return rest([
    { ...dedicated, limit: most },
    { ...lowPriority, limit: mostLowPriority },
  ]);
}

/** The nodes that a pool has beyond its targets: those of least use. */
export function surplusNodes(pool: Pool, nodes: readonly PoolNode[]): readonly Node[] {
  return [true, false].flatMap((isDedicated) => surplusOf(kindOf(pool, nodes, isDedicated)));
}

const surplusOf = ({ staying, surplus }: Kind): readonly Node[] => leavingFirst(staying).slice(0, surplus);

interface Kind {
  readonly isDedicated: boolean;
  readonly staying: readonly PoolNode[];
  readonly leaving: readonly Node[];
  readonly missing: number;
  readonly surplus: number;
  readonly isShort: boolean;
}

function kindOf(pool: Pool, nodes: readonly PoolNode[], isDedicated: boolean): Kind {
  const target = isDedicated ? pool.targetDedicatedNodes : pool.targetLowPriorityNodes;
  const ofKind = nodes.filter((node) => node.isDedicated === isDedicated);
  const staying = ofKind.filter(({ state }) => state !== "leavingpool");
  const working = staying.filter(({ state }) => state !== "creating");
  return {
    isDedicated,
    staying,
    leaving: ofKind.filter(({ state }) => state === "leavingpool"),
    missing: Math.max(0, target - staying.length),
    surplus: Math.max(0, staying.length - target),
    isShort: working.length < target,
  };
}

/** Whether a node is being made and may yet come. */
function isAwaited(node: Node): boolean {
  return node.state === "creating" && node.startFailures < mostStartFailures;
}

function smallest(limits: readonly Limit[]): Limit {
  const [first, ...others] = limits;
  if (!first) throw new RangeError("a kind of node without a limit");
  return others.reduce((least, limit) => (limit.nodes < least.nodes ? limit : least), first);
}

/**
 * The resize is over: nodes that their provider could not make are given up, and each kind that is short gets an error.
 */
function rest(kinds: readonly (Kind & { limit: Limit })[]): ResizeStep {
  const refused = kinds.flatMap(({ staying }) => staying.filter(({ state }) => state === "creating"));
  const errors = kinds.flatMap(({ staying, missing, limit }) => {
    const failed = staying.find(({ state }) => state === "creating");
    return [...(failed ? [allocationFailed(failed)] : []), ...(missing > 0 ? [limit.error] : [])];
  });
  return { ...nothing, shrink: refused, settled: { errors } };
}

function allocationFailed({ isDedicated, startFailure }: Node): ResizeError {
  const message = `Desired number of ${kindName(isDedicated)} nodes could not be allocated: their provider failed`;
  return {
    code: "AllocationFailed",
    message,
    values: [{ name: "Provider Error Json", value: JSON.stringify({ message: startFailure ?? "" }) }],
  };
}

/** Every node leaves. Nodes that were waiting for tasks or files before leaving do not wait any more. */
function deleteStep(nodes: readonly Node[]): ResizeStep {
  if (nodes.length === 0) return { ...nothing, settled: { errors: [] } };
  const shrink = nodes.filter((node) => node.state !== "leavingpool" || node.runningTasks > 0 || node.retainsData);
  return { ...nothing, shrink };
}

/** A resize that took too long keeps the nodes that work, even those that were to leave and whose tasks go on. */
function timeOut(kinds: readonly Kind[]): ResizeStep {
  const unborn = kinds.flatMap(({ staying }) => staying.filter(({ state }) => state === "creating"));
  const keep = kinds.flatMap(({ leaving }) => leaving.filter((node) => node.runningTasks > 0 || node.retainsData));
  const errors = kinds.flatMap((kind) => [
    ...(kind.isShort ? [shortfall(kind, "AllocationTimedOut")] : []),
    ...(keep.some(({ isDedicated }) => isDedicated === kind.isDedicated) ? [shortfall(kind, "RemoveNodesFailed")] : []),
  ]);
  return { ...nothing, shrink: unborn, keep, settled: { errors } };
}

/** A stopped resize keeps the nodes that are up, gives up those that are not, and lets leaving ones leave. */
function stopStep(pool: Pool, nodes: readonly Node[]): ResizeStep {
  const shrink = nodes.filter(({ state }) => state === "creating");
  if (shrink.length > 0 || nodes.some(({ state }) => state === "leavingpool")) return { ...nothing, shrink };
  const kinds = [kindOf(pool, nodes, true), kindOf(pool, nodes, false)];
  const errors = kinds
    .filter(({ isShort, surplus }) => isShort || surplus > 0)
    .map((kind) => shortfall(kind, "ResizeStopped"));
  return { ...nothing, settled: { errors } };
}

/**
 * Nodes that are of least use go first: not yet up, then broken, then idle, then those with the fewest tasks, and those
 * of job managers last.
 */
function leavingFirst(nodes: readonly PoolNode[]): PoolNode[] {
  return [...nodes].sort((one, other) => useOf(one) - useOf(other) || other.pk - one.pk);
}

function useOf({ state, runningTasks, runsManager }: PoolNode): number {
  if (runsManager) return Number.MAX_SAFE_INTEGER;
  if (state === "creating" || state === "preempted") return -2;
  return schedulableStates.includes(state) ? runningTasks : -1;
}

const shortfalls = {
  AllocationTimedOut: "could not be allocated before the resize timeout",
  ResizeStopped: "could not be allocated due to a stop resize operation",
  RemoveNodesFailed: "could not be removed before the resize timeout, because their tasks go on",
} as const;

function shortfall({ isDedicated }: Kind, code: keyof typeof shortfalls): ResizeError {
  return { code, message: `Desired number of ${kindName(isDedicated)} nodes ${shortfalls[code]}`, values: [] };
}

function kindName(isDedicated: boolean): string {
  return isDedicated ? "dedicated" : "low priority";
}
