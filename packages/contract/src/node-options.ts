import type { Static } from "typebox";
import { StringEnum } from "./schema.ts";

/** What becomes of tasks that run on a node when it is taken away, restarted or closed to tasks. */

const lifespans = { retaineddata: { removed: "2026-10-01" } } as const;

export const ComputeNodeDeallocationOption = StringEnum(["requeue", "terminate", "taskcompletion", "retaineddata"], {
  lifespans,
});
export type ComputeNodeDeallocationOption = Static<typeof ComputeNodeDeallocationOption>;

export const ComputeNodeDeallocateOption = ComputeNodeDeallocationOption;
export type ComputeNodeDeallocateOption = ComputeNodeDeallocationOption;

export const ComputeNodeRebootOption = ComputeNodeDeallocationOption;
export type ComputeNodeRebootOption = ComputeNodeDeallocationOption;

export const ComputeNodeReimageOption = ComputeNodeDeallocationOption;
export type ComputeNodeReimageOption = ComputeNodeDeallocationOption;

export const DisableComputeNodeSchedulingOption = StringEnum(["requeue", "terminate", "taskcompletion"]);
export type DisableComputeNodeSchedulingOption = Static<typeof DisableComputeNodeSchedulingOption>;
