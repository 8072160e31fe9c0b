import type { PriceList, UsageGroup } from "@kyanite/contract";
import { findVmSize } from "../catalogue/vm-sizes.ts";
import type { Grouping } from "./grouping.ts";

/** What was used of one machine size of one kind, by a group's values in the order of the groupings. */
export interface UsagePart {
  readonly values: readonly (string | null)[];
  readonly vmSize: string;
  readonly isDedicated: boolean;
  /** Of a node; 0 when that is not known any more. */
  readonly cores: number;
  readonly nodeCoreSeconds: number;
  readonly taskCoreSeconds: number;
  readonly cpuSeconds: number;
  readonly runSeconds: number;
  readonly succeeded: number;
  readonly failed: number;
}

/** Puts parts together, group by group, with memory and costs: both depend on the machine size. */
export function usageGroups(
  parts: readonly UsagePart[],
  groupings: readonly Grouping[],
  prices: PriceList | undefined,
): UsageGroup[] {
  const priceOf = pricesBySize(prices);
  const groups = new Map<string, UsageGroup>();
  for (const part of parts) {
    const key = JSON.stringify(part.values);
    groups.set(key, withPart(groups.get(key) ?? emptyGroup(part.values, groupings), part, priceOf));
  }
  return [...groups.values()].map(withoutNoise);
}

type PriceOf = (vmSize: string, isDedicated: boolean) => number | undefined;

function pricesBySize(list: PriceList | undefined): PriceOf {
  const key = (vmSize: string, isDedicated: boolean) => `${isDedicated} ${vmSize.toLowerCase()}`;
  const byKey = new Map(list?.prices.map(({ vmSize, dedicated, perHour }) => [key(vmSize, dedicated), perHour]));
  return (vmSize, isDedicated) => byKey.get(key(vmSize, isDedicated));
}

function withPart(group: UsageGroup, part: UsagePart, priceOf: PriceOf): UsageGroup {
  const size = findVmSize(part.vmSize);
  const cores = size?.cores ?? part.cores;
  const memoryPerCore = size && size.memoryGiB / size.cores;
  const price = priceOf(part.vmSize, part.isDedicated);
  const pricePerCoreSecond = price === undefined || cores === 0 ? undefined : price / 3600 / cores;
  return {
    ...group,
    nodeCoreSeconds: group.nodeCoreSeconds + part.nodeCoreSeconds,
    nodeMemoryGiBSeconds: sum(group.nodeMemoryGiBSeconds, times(part.nodeCoreSeconds, memoryPerCore)),
    nodeCost: sum(group.nodeCost, times(part.nodeCoreSeconds, pricePerCoreSecond)),
    taskCoreSeconds: group.taskCoreSeconds + part.taskCoreSeconds,
    taskMemoryGiBSeconds: sum(group.taskMemoryGiBSeconds, times(part.taskCoreSeconds, memoryPerCore)),
    taskCost: sum(group.taskCost, times(part.taskCoreSeconds, pricePerCoreSecond)),
    taskCPUSeconds: group.taskCPUSeconds + part.cpuSeconds,
    runSeconds: group.runSeconds + part.runSeconds,
    succeededTasks: String(Number(group.succeededTasks) + part.succeeded),
    failedTasks: String(Number(group.failedTasks) + part.failed),
  };
}

function withoutNoise(group: UsageGroup): UsageGroup {
  return {
    ...group,
    nodeCoreSeconds: exact(group.nodeCoreSeconds),
    nodeMemoryGiBSeconds: exactly(group.nodeMemoryGiBSeconds),
    nodeCost: exactly(group.nodeCost),
    taskCoreSeconds: exact(group.taskCoreSeconds),
    taskMemoryGiBSeconds: exactly(group.taskMemoryGiBSeconds),
    taskCost: exactly(group.taskCost),
    taskCPUSeconds: exact(group.taskCPUSeconds),
    runSeconds: exact(group.runSeconds),
  };
}

/** Without what adding binary fractions leaves in the last digits. */
const exact = (value: number) => Number(value.toPrecision(12));
const exactly = (value: number | null) => (value === null ? null : exact(value));

/** Nothing of something without a price costs nothing; some of it costs nobody knows what. */
const times = (amount: number, factor: number | undefined) =>
  amount === 0 ? 0 : factor === undefined ? null : amount * factor;

const sum = (one: number | null, other: number | null) => (one === null || other === null ? null : one + other);

function emptyGroup(values: readonly (string | null)[], groupings: readonly Grouping[]): UsageGroup {
  return {
    ...labels(values, groupings),
    nodeCoreSeconds: 0,
    nodeMemoryGiBSeconds: 0,
    nodeCost: 0,
    taskCoreSeconds: 0,
    taskMemoryGiBSeconds: 0,
    taskCost: 0,
    taskCPUSeconds: 0,
    runSeconds: 0,
    succeededTasks: "0",
    failedTasks: "0",
  };
}

type Labels = Pick<UsageGroup, "day" | "poolId" | "jobId" | "vmSize" | "dedicated" | "tags">;

const names = { day: "day", pool: "poolId", job: "jobId", vmsize: "vmSize" } as const;

function labels(values: readonly (string | null)[], groupings: readonly Grouping[]): Labels {
  const tags: Record<string, string | null> = {};
  const found: Record<string, string | boolean> = {};
  groupings.forEach((grouping, index) => {
    const value = values[index] ?? null;
    if (grouping.kind === "tag") tags[grouping.name] = value;
    else if (grouping.kind === "dedicated") found.dedicated = value === "true";
    else if (value !== null) found[names[grouping.kind]] = value;
  });
  return { ...found, ...(Object.keys(tags).length > 0 && { tags }) };
}
