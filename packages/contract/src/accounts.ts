import Type, { type Static } from "typebox";
import { ImageInformation } from "./images.ts";
import { operation } from "./operation.ts";
import { filtered } from "./queries.ts";
import { Int32, model, optional, required, since } from "./schema.ts";

export const NodeCounts = model("NodeCounts", "How many nodes of a pool are in which state.", {
  creating: Int32(),
  idle: Int32(),
  offline: Int32(),
  preempted: Int32(),
  rebooting: Int32(),
  reimaging: Int32(),
  running: Int32(),
  starting: Int32(),
  startTaskFailed: Int32(),
  leavingPool: Int32(),
  unknown: Int32(),
  unusable: Int32(),
  waitingForStartTask: Int32(),
  upgradingOS: since("2024-02-01.19.0", Int32()),
  deallocated: since("2024-07-01.20.0", Int32()),
  deallocating: since("2024-07-01.20.0", Int32()),
  total: Int32(),
});
export type NodeCounts = Static<typeof NodeCounts>;

export const PoolNodeCounts = model("PoolNodeCounts", "The nodes of a pool by state.", {
  poolId: Type.String(),
  dedicated: optional(NodeCounts),
  lowPriority: optional(NodeCounts),
});
export type PoolNodeCounts = Static<typeof PoolNodeCounts>;

const countsPage = Type.Integer({
  minimum: 1,
  maximum: 1000,
  default: 1000,
  formerBounds: { before: "2025-06-01", maximum: 10, default: 10 },
});

export const accountOperations = {
  Account_ListSupportedImages: operation({
    newName: "Pools_ListSupportedImages",
    summary: "Lists the images that nodes may use",
    method: "GET",
    path: "/supportedimages",
    access: "read",
    query: filtered,
    status: 200,
    response: ImageInformation,
    shape: "list",
    set: "supportedimages",
    errors: [],
  }),
  Account_ListPoolNodeCounts: operation({
    newName: "Pools_ListPoolNodeCounts",
    summary: "Counts the nodes of each pool by state",
    method: "GET",
    path: "/nodecounts",
    access: "read",
    query: { ...filtered, maxresults: required(countsPage, "Most pools on one page.") },
    status: 200,
    response: PoolNodeCounts,
    shape: "list",
    set: "poolnodecounts",
    errors: [],
  }),
};
