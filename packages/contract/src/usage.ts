import Type, { type Static } from "typebox";
import { operation } from "./operation.ts";
import { DateTime, Int64, model, optional, required } from "./schema.ts";

/** A number, or null where nobody knows. */
const Known = () => Type.Union([Type.Number(), Type.Null()]);

export const UsageGroup = model("UsageGroup", "What the nodes and tasks of one group have taken.", {
  day: optional(Type.String(), "In UTC, such as `2026-01-31`, when usage is grouped by day."),
  poolId: optional(Type.String(), "When usage is grouped by pool."),
  jobId: optional(Type.String(), "When usage is grouped by job; absent for the time of nodes, which belongs to none."),
  vmSize: optional(Type.String(), "When usage is grouped by VM size."),
  dedicated: optional(Type.Boolean(), "When usage is grouped by kind of node."),
  tags: optional(
    Type.Record(Type.String(), Type.Union([Type.String(), Type.Null()])),
    "The tags by which usage is grouped, null for what has none of that name.",
  ),
  nodeCoreSeconds: required(Type.Number(), "Cores of nodes, times the seconds for which the nodes were there."),
  nodeMemoryGiBSeconds: required(
    Known(),
    "Memory of nodes by their VM size; null where one of the sizes is not known.",
  ),
  nodeCost: required(Known(), "Estimated by the account's prices; null when a price is not known."),
  taskCoreSeconds: required(Type.Number(), "Cores that the slots of tasks stand for, times the seconds of the runs."),
  taskMemoryGiBSeconds: Known(),
  taskCost: required(Known(), "The part of the nodes' cost that the slots of tasks stand for."),
  taskCPUSeconds: required(Type.Number(), "Processor time that runs have used, as far as it is counted."),
  runSeconds: required(Type.Number(), "All runs together."),
  succeededTasks: Int64(),
  failedTasks: Int64(),
});
export type UsageGroup = Static<typeof UsageGroup>;

export const AccountUsage = model("AccountUsage", "What was used in a time, in groups.", {
  from: DateTime(),
  to: DateTime(),
  currency: required(Type.Union([Type.String(), Type.Null()]), "Of the costs; null while the account has no prices."),
  groups: Type.Array(UsageGroup),
});
export type AccountUsage = Static<typeof AccountUsage>;

const Price = model("Price", "What one node of a VM size costs.", {
  vmSize: Type.String({ minLength: 1, maxLength: 100 }),
  dedicated: required(Type.Boolean(), "Whether this is the price of dedicated nodes, or that of low-priority ones."),
  perHour: Type.Number({ minimum: 0, maximum: 1_000_000_000 }),
});

export const PriceList = model("PriceList", "Prices of nodes, from which costs are estimated.", {
  currency: required(Type.String({ minLength: 1, maxLength: 16 }), "Free text, such as `EUR`."),
  prices: Type.Array(Price, { maxItems: 2_000 }),
});
export type PriceList = Static<typeof PriceList>;

export const usageOperations = {
  Account_GetUsage: operation({
    summary: "Tells what nodes and tasks have taken in a time, by day, pool, job, VM size or tags; also as CSV",
    method: "GET",
    path: "/kyanite/usage",
    access: "read",
    query: {
      from: Type.String({ format: "date-time", description: "The beginning; 30 days before the end without it." }),
      to: Type.String({ format: "date-time", description: "The end, now at the latest." }),
      groupby: Type.String({
        maxLength: 1_000,
        description:
          "`day`, `pool`, `job`, `vmsize`, `dedicated`, `tag:NAME`, several separated by commas; all of the account together without it. Tags are the metadata of a job or, where it has none, of its pool.",
      }),
    },
    status: 200,
    response: AccountUsage,
    shape: "element",
    errors: [],
  }),
  Account_GetPrices: operation({
    summary: "Shows the prices from which costs are estimated",
    method: "GET",
    path: "/kyanite/prices",
    access: "read",
    status: 200,
    response: PriceList,
    shape: "element",
    errors: [],
  }),
  Account_SetPrices: operation({
    summary: "Replaces the prices from which costs are estimated",
    method: "PUT",
    path: "/kyanite/prices",
    access: "own",
    body: PriceList,
    status: 200,
    response: PriceList,
    shape: "element",
    errors: [],
  }),
} as const;
