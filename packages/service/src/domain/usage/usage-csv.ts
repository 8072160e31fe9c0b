import type { AccountUsage, UsageGroup } from "@kyanite/contract";
import { type CsvCell, csvLine } from "../csv.ts";
import type { Grouping } from "./grouping.ts";

const figures = [
  "nodeCoreSeconds",
  "nodeMemoryGiBSeconds",
  "nodeCost",
  "taskCoreSeconds",
  "taskMemoryGiBSeconds",
  "taskCost",
  "taskCPUSeconds",
  "runSeconds",
  "succeededTasks",
  "failedTasks",
] as const;

const columns = { day: "day", pool: "poolId", job: "jobId", vmsize: "vmSize", dedicated: "dedicated" } as const;

/** Usage as CSV: a line of names, a line for each group. */
export function usageCsv({ currency, groups }: AccountUsage, groupings: readonly Grouping[]): string {
  const heads = groupings.map((each) => (each.kind === "tag" ? `tag:${each.name}` : columns[each.kind]));
  const rows = groups.map((group) => [
    ...groupings.map((grouping) => labelOf(group, grouping)),
    ...figures.map((name) => group[name]),
    currency,
  ]);
  return [[...heads, ...figures, "currency"], ...rows].map(csvLine).join("");
}

const labelOf = (group: UsageGroup, grouping: Grouping): CsvCell =>
  grouping.kind === "tag" ? group.tags?.[grouping.name] : group[columns[grouping.kind]];
