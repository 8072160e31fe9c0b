import type { Static } from "typebox";
import { StringEnum } from "./schema.ts";

/** What a resource can be in, as it is written on the wire. Which request is allowed when: `actions.ts`. */

export const PoolState = StringEnum(["active", "deleting"]);
export type PoolState = Static<typeof PoolState>;

/** Whether a pool is changing its size. */
export const AllocationState = StringEnum(["steady", "resizing", "stopping"]);
export type AllocationState = Static<typeof AllocationState>;

export const ComputeNodeState = StringEnum(
  [
    "idle",
    "rebooting",
    "reimaging",
    "running",
    "unusable",
    "creating",
    "starting",
    "waitingforstarttask",
    "starttaskfailed",
    "unknown",
    "leavingpool",
    "offline",
    "preempted",
    "upgradingos",
    "deallocated",
    "deallocating",
  ],
  {
    lifespans: {
      upgradingos: { since: "2024-02-01.19.0" },
      deallocated: { since: "2024-07-01.20.0" },
      deallocating: { since: "2024-07-01.20.0" },
    },
  },
);
export type ComputeNodeState = Static<typeof ComputeNodeState>;

/** Whether a node may be given tasks. */
export const SchedulingState = StringEnum(["enabled", "disabled"]);
export type SchedulingState = Static<typeof SchedulingState>;

export const JobState = StringEnum([
  "active",
  "disabling",
  "disabled",
  "enabling",
  "terminating",
  "completed",
  "deleting",
]);
export type JobState = Static<typeof JobState>;

export const JobScheduleState = StringEnum(["active", "completed", "disabled", "terminating", "deleting"]);
export type JobScheduleState = Static<typeof JobScheduleState>;

export const TaskState = StringEnum(["active", "preparing", "running", "completed"]);
export type TaskState = Static<typeof TaskState>;

export const SubtaskState = StringEnum(["preparing", "running", "completed"]);
export type SubtaskState = Static<typeof SubtaskState>;

export const StartTaskState = StringEnum(["running", "completed"]);
export type StartTaskState = Static<typeof StartTaskState>;

export const JobPreparationTaskState = StringEnum(["running", "completed"]);
export type JobPreparationTaskState = Static<typeof JobPreparationTaskState>;

export const JobReleaseTaskState = StringEnum(["running", "completed"]);
export type JobReleaseTaskState = Static<typeof JobReleaseTaskState>;

export const CertificateState = StringEnum(["active", "deleting", "deletefailed"]);
export type CertificateState = Static<typeof CertificateState>;

/** How a run ended. */
export const TaskExecutionResult = StringEnum(["success", "failure"]);
export type TaskExecutionResult = Static<typeof TaskExecutionResult>;
