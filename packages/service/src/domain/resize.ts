import { type Node, schedulableStates } from "./node.ts";
import type { Pool, ResizeError } from "./pool.ts";

/** What a pool does next about the number of its nodes. */
export interface ResizeStep {
  /** Nodes to be made now. */
  readonly grow: { readonly dedicated: number; readonly lowPriority: number };
  /** Nodes that leave the pool now. */
  readonly shrink: readonly Node[];
  /** Whether the pool has come to rest, and with which errors; undefined while it is still under way. */
  readonly settled?: { readonly errors: readonly ResizeError[] };
}

const nothing = { dedicated: 0, lowPriority: 0 };

/**
 * Compares the nodes a pool has with those it should have. It takes no history, so a pool whose server died in the
 * middle of a resize goes on where it was.
 */
export function resizeStep(pool: Pool, nodes: readonly Node[], now: Date): ResizeStep {
  if (pool.allocationState === "stopping") return stopStep(pool, nodes);
  const kinds = [kindOf(pool, nodes, true), kindOf(pool, nodes, false)] as const;
  const [dedicated, lowPriority] = kinds;
  const grow = { dedicated: dedicated.missing, lowPriority: lowPriority.missing };
  const shrink = kinds.flatMap(({ staying, surplus }) => leavingFirst(staying).slice(0, surplus));
  const isAtRest =
    grow.dedicated + grow.lowPriority + shrink.length === 0 &&
    nodes.every(({ state }) => state !== "creating" && state !== "leavingpool");
  if (isAtRest) return { grow, shrink, settled: { errors: [] } };
  const isLate = pool.state === "active" && pool.resizeDeadline !== null && pool.resizeDeadline <= now;
  if (!isLate) return { grow, shrink };
  return {
    grow: nothing,
    shrink: [],
    settled: { errors: kinds.flatMap((kind) => shortfall(kind, "AllocationTimedOut")) },
  };
}

interface Kind {
  readonly isDedicated: boolean;
  readonly staying: readonly Node[];
  readonly missing: number;
  readonly surplus: number;
  readonly isShort: boolean;
}

function kindOf(pool: Pool, nodes: readonly Node[], isDedicated: boolean): Kind {
  const target = isDedicated ? pool.targetDedicatedNodes : pool.targetLowPriorityNodes;
  const staying = nodes.filter((node) => node.isDedicated === isDedicated && node.state !== "leavingpool");
  const working = staying.filter(({ state }) => state !== "creating");
  return {
    isDedicated,
    staying,
    missing: Math.max(0, target - staying.length),
    surplus: Math.max(0, staying.length - target),
    isShort: working.length < target,
  };
}

/** A stopped resize keeps the nodes that are up, gives up those that are not, and lets leaving ones leave. */
function stopStep(pool: Pool, nodes: readonly Node[]): ResizeStep {
  const shrink = nodes.filter(({ state }) => state === "creating");
  if (shrink.length > 0 || nodes.some(({ state }) => state === "leavingpool")) return { grow: nothing, shrink };
  const errors = [kindOf(pool, nodes, true), kindOf(pool, nodes, false)].flatMap((kind) =>
    shortfall(kind, "ResizeStopped"),
  );
  return { grow: nothing, shrink: [], settled: { errors } };
}

/** Nodes that are of least use go first: not yet up, then broken, then idle, then those with the fewest tasks. */
function leavingFirst(nodes: readonly Node[]): Node[] {
  const use = (node: Node) =>
    node.state === "creating" ? -2 : schedulableStates.includes(node.state) ? node.runningTasks : -1;
  return [...nodes].sort((one, other) => use(one) - use(other) || other.pk - one.pk);
}

function shortfall(kind: Kind, code: "AllocationTimedOut" | "ResizeStopped"): ResizeError[] {
  if (!kind.isShort && kind.surplus === 0) return [];
  const name = kind.isDedicated ? "dedicated" : "low priority";
  const message =
    code === "ResizeStopped"
      ? `Desired number of ${name} nodes could not be allocated due to a stop resize operation`
      : `Desired number of ${name} nodes could not be allocated before the resize timeout`;
  return [{ code, message, values: [] }];
}
