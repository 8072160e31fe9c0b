import type { AccountUsage, UsageGroup } from "@kyanite/contract";
import type { Grouping } from "./grouping.ts";

type Cell = string | number | boolean | null | undefined;

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

/** Usage as RFC 4180 has it: a line of names, a line for each group, what is not known empty. */
export function usageCsv({ currency, groups }: AccountUsage, groupings: readonly Grouping[]): string {
  const heads = groupings.map((each) => (each.kind === "tag" ? `tag:${each.name}` : columns[each.kind]));
  const rows = groups.map((group) => [
    ...groupings.map((grouping) => labelOf(group, grouping)),
    ...figures.map((name) => group[name]),
    currency,
  ]);
  return [[...heads, ...figures, "currency"], ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

const labelOf = (group: UsageGroup, grouping: Grouping): Cell =>
  grouping.kind === "tag" ? group.tags?.[grouping.name] : group[columns[grouping.kind]];

/** A spreadsheet takes a text that begins like a formula for one, and names come from whoever adds jobs. */
function cell(value: Cell): string {
  if (value === null || value === undefined) return "";
  if (typeof value !== "string") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
