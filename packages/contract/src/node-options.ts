import type { Static } from "typebox";
import { StringEnum } from "./schema.ts";

/** What becomes of tasks that run on a node when it is taken away, restarted or closed to tasks. */

const options = ["requeue", "terminate", "taskcompletion", "retaineddata"] as const;
const lifespans = { retaineddata: { removed: "2026-10-01" } } as const;

/** When a node leaves its pool. */
export const ComputeNodeDeallocationOption = StringEnum(options, { lifespans });
export type ComputeNodeDeallocationOption = Static<typeof ComputeNodeDeallocationOption>;

/** When the machine of a node is released while the node keeps its place. */
export const ComputeNodeDeallocateOption = StringEnum(options, { lifespans });
export type ComputeNodeDeallocateOption = Static<typeof ComputeNodeDeallocateOption>;

export const ComputeNodeRebootOption = StringEnum(options, { lifespans });
export type ComputeNodeRebootOption = Static<typeof ComputeNodeRebootOption>;

export const ComputeNodeReimageOption = StringEnum(options, { lifespans });
export type ComputeNodeReimageOption = Static<typeof ComputeNodeReimageOption>;

export const DisableComputeNodeSchedulingOption = StringEnum(["requeue", "terminate", "taskcompletion"]);
export type DisableComputeNodeSchedulingOption = Static<typeof DisableComputeNodeSchedulingOption>;
