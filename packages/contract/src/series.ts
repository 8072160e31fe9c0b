import Type, { type Static } from "typebox";
import { operation } from "./operation.ts";
import { DateTime, Int32, model, optional, required, StringEnum } from "./schema.ts";
import type { ComputeNodeState } from "./states.ts";

/** A metric: its unit, and whether it is so at each moment or adds up over time. */
interface Metric {
  readonly unit: "count" | "percent" | "bytes" | "seconds";
  readonly kind: "level" | "sum";
}

const levels = { unit: "count", kind: "level" } as const;
const counts = { unit: "count", kind: "sum" } as const;
const bytes = { unit: "bytes", kind: "sum" } as const;

/**
 * What is known of the use of a node; of a pool or an account, levels are the average of their nodes, sums are of all
 * nodes together. The order is that of figures in the database: what is new goes to the end.
 */
export const nodeMetrics = {
  "cpu.percent": { unit: "percent", kind: "level" },
  "memory.usedBytes": { unit: "bytes", kind: "level" },
  "disk.usedBytes": { unit: "bytes", kind: "level" },
  "disk.readBytes": bytes,
  "disk.writeBytes": bytes,
  "disk.readOperations": counts,
  "disk.writeOperations": counts,
  "network.inBytes": bytes,
  "network.outBytes": bytes,
} as const satisfies Readonly<Record<string, Metric>>;
export type NodeMetric = keyof typeof nodeMetrics;

const nodesByState = {
  "nodes.idle": levels,
  "nodes.rebooting": levels,
  "nodes.reimaging": levels,
  "nodes.running": levels,
  "nodes.unusable": levels,
  "nodes.creating": levels,
  "nodes.starting": levels,
  "nodes.waitingforstarttask": levels,
  "nodes.starttaskfailed": levels,
  "nodes.unknown": levels,
  "nodes.leavingpool": levels,
  "nodes.offline": levels,
  "nodes.preempted": levels,
  "nodes.upgradingos": levels,
  "nodes.deallocated": levels,
  "nodes.deallocating": levels,
} as const satisfies Readonly<Record<`nodes.${ComputeNodeState}`, Metric>>;

/** What is known of a pool, and of an account as of all its pools together; the order as above. */
export const poolMetrics = {
  ...nodeMetrics,
  "tasks.active": levels,
  "tasks.running": levels,
  "tasks.succeeded": levels,
  "tasks.failed": levels,
  "slots.active": levels,
  "slots.running": levels,
  "slots.total": levels,
  "wait.oldestSeconds": { unit: "seconds", kind: "level" },
  "nodes.dedicated": levels,
  "nodes.lowPriority": levels,
  ...nodesByState,
} as const satisfies Readonly<Record<string, Metric>>;
export type PoolMetric = keyof typeof poolMetrics;
export type SeriesMetrics = Readonly<Record<string, Metric>>;

/** A number for each step, null where nothing is known. */
const Values = () => Type.Array(Type.Union([Type.Number(), Type.Null()]));

const Series = model("Series", "One metric over time.", {
  metric: Type.String(),
  unit: StringEnum(["count", "percent", "bytes", "seconds"]),
  average: optional(Values(), "Of the samples in each step; absent where the metric adds up."),
  minimum: optional(Values()),
  maximum: optional(Values()),
  total: optional(Values(), "What came together in each step; only where the metric adds up."),
});

export const SeriesReport = model("SeriesReport", "Metrics over time, in steps of equal length.", {
  from: required(DateTime(), "The beginning of the first step, which is at or before the time that was asked for."),
  to: DateTime(),
  stepSeconds: required(Int32(), "How long a step is: what was asked for, or the next length that is kept."),
  times: required(Type.Array(DateTime()), "The beginning of each step, in UTC; the last one may not be over yet."),
  series: Type.Array(Series),
});
export type SeriesReport = Static<typeof SeriesReport>;

export const seriesQuery = {
  from: Type.String({ format: "date-time", description: "The beginning; a day before the end without it." }),
  to: Type.String({ format: "date-time", description: "The end, now at the latest." }),
  step: Type.Integer({
    minimum: 1,
    maximum: 31_536_000,
    description:
      "Seconds. Rounded up to what is kept of that time; without it as long as gives some 300 steps. 3000 steps at most.",
  }),
};

const metrics = {
  metric: Type.String({
    maxLength: 2_000,
    description:
      "Names such as `cpu.percent`, or groups such as `nodes`, separated by commas; all that there are without it.",
  }),
};

const series = {
  method: "GET",
  access: "read",
  query: { ...metrics, ...seriesQuery },
  status: 200,
  response: SeriesReport,
  shape: "element",
} as const;

export const seriesOperations = {
  Account_GetSeries: operation({
    ...series,
    summary:
      "Shows over time what the pools of the account have had: nodes and tasks by state, slots, use; also as CSV",
    path: "/kyanite/series",
    errors: [],
  }),
  Pool_GetSeries: operation({
    ...series,
    summary: "Shows over time what a pool has had: nodes and tasks by state, slots, use of its nodes; also as CSV",
    path: "/kyanite/pools/{poolId}/series",
    errors: ["PoolNotFound"],
  }),
  ComputeNode_GetSeries: operation({
    ...series,
    summary: "Shows over time how a node was used: processors, memory, disk, network; also as CSV",
    path: "/kyanite/pools/{poolId}/nodes/{nodeId}/series",
    errors: ["PoolNotFound", "NodeNotFound"],
  }),
} as const;
