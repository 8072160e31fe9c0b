import type { NodeCapacity } from "./capacity.ts";
import { capacityOf } from "./capacity.ts";
import type { Pool, ResizeError } from "./pool.ts";

/** What an account and the providers allow; the names are those of the settings. */
export interface AllocationLimits {
  readonly dedicatedCoreQuota: number;
  readonly lowPriorityCoreQuota: number;
  /** Which sizes the providers have, and how many nodes of each. */
  readonly vmSizes: readonly NodeCapacity[];
}

/** What an account uses already, all its pools together. */
export interface AllocationUse {
  readonly dedicatedCores: number;
  readonly lowPriorityCores: number;
  /** Nodes by size, in lower case. */
  readonly nodesBySize: ReadonlyMap<string, number>;
}

/** How many more nodes there may be, and the error of a pool that wants more than that. */
export interface Limit {
  readonly nodes: number;
  readonly error: ResizeError;
}

/** What bounds the nodes of a pool, by kind. A `shared` limit bounds both kinds together. */
export interface Room {
  readonly dedicated: readonly Limit[];
  readonly lowPriority: readonly Limit[];
  readonly shared: readonly Limit[];
}

/** Nodes that a pool with inter-node communication may have. */
export const mostCommunicatingNodes = 100;

/** How far a pool may grow now. */
export function roomFor(pool: Pool, poolNodes: number, use: AllocationUse, limits: AllocationLimits): Room {
  return {
    dedicated: [quotaLimit(pool, "dedicated", limits.dedicatedCoreQuota - use.dedicatedCores, limits)],
    lowPriority: [quotaLimit(pool, "low-priority", limits.lowPriorityCoreQuota - use.lowPriorityCores, limits)],
    shared: [capacityLimit(pool, use, limits), ...communicationLimit(pool, poolNodes)],
  };
}

function quotaLimit(
  pool: Pool,
  kind: "dedicated" | "low-priority",
  freeCores: number,
  { dedicatedCoreQuota, lowPriorityCoreQuota }: AllocationLimits,
): Limit {
  const [code, setting, quota] =
    kind === "dedicated"
      ? (["AccountCoreQuotaReached", "dedicated-core-quota", dedicatedCoreQuota] as const)
      : (["AccountLowPriorityCoreQuotaReached", "low-priority-core-quota", lowPriorityCoreQuota] as const);
  return {
    nodes: Math.max(0, Math.floor(freeCores / pool.cores)),
    error: {
      code,
      message: `The account may use ${quota} cores of ${kind} nodes (setting ${setting}), of which ${Math.max(0, freeCores)} ${freeCores === 1 ? "is" : "are"} free, and a node of ${pool.vmSize} has ${pool.cores}`,
      values: [
        { name: "Setting", value: setting },
        { name: "Quota", value: String(quota) },
        { name: "CoresPerNode", value: String(pool.cores) },
      ],
    },
  };
}

function capacityLimit(pool: Pool, use: AllocationUse, { vmSizes }: AllocationLimits): Limit {
  const capacity = capacityOf(pool.vmSize, vmSizes);
  const values = [
    { name: "Setting", value: "vm-sizes" },
    { name: "VmSize", value: pool.vmSize },
  ];
  if (!capacity || capacity.nodes === 0)
    return {
      nodes: 0,
      error: {
        code: "UnsupportedVMSize",
        message: `No provider has nodes of ${pool.vmSize} (setting vm-sizes)`,
        values,
      },
    };
  const used = [...use.nodesBySize]
    .filter(([size]) => capacityOf(size, vmSizes) === capacity)
    .reduce((total, [, nodes]) => total + nodes, 0);
  return {
    nodes: Math.max(0, capacity.nodes - used),
    error: {
      code: "AllocationFailed",
      message: `There may be ${capacity.nodes} nodes of sizes like ${capacity.pattern} (setting vm-sizes)`,
      values,
    },
  };
}

function communicationLimit(pool: Pool, poolNodes: number): Limit[] {
  if (!pool.enableInterNodeCommunication) return [];
  return [
    {
      nodes: Math.max(0, mostCommunicatingNodes - poolNodes),
      error: {
        code: "CommunicationEnabledPoolReachedMaxVMCount",
        message: `A pool with inter-node communication may have at most ${mostCommunicatingNodes} nodes`,
        values: [],
      },
    },
  ];
}
