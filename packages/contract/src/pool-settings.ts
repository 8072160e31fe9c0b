import Type, { type Static } from "typebox";
import { AutoScaleEvaluationInterval, AutoScaleFormula } from "./autoscale.ts";
import { CertificateReference } from "./certificates.ts";
import { MountConfiguration } from "./mounts.ts";
import { NetworkConfiguration, NodeCommunicationMode } from "./network.ts";
import {
  DisplayName,
  Duration,
  Int32,
  Metadata,
  model,
  optional,
  renamed,
  required,
  StringEnum,
  since,
  until,
} from "./schema.ts";
import { StartTask } from "./start-task.ts";
import { ApplicationPackageReference } from "./task-settings.ts";
import { UpgradePolicy } from "./upgrade-policy.ts";
import { UserAccount } from "./users.ts";
import { CloudServiceConfiguration, VirtualMachineConfiguration } from "./virtual-machine.ts";

/** What makes up a pool, whether it is added by itself or described in a job for an automatic pool. */

/** Which of several nodes gets the next task. */
export const ComputeNodeFillType = StringEnum(["Spread", "Pack"]);
export type ComputeNodeFillType = Static<typeof ComputeNodeFillType>;

/** Which of several jobs of one priority goes first. */
export const JobDefaultOrder = StringEnum(["none", "creationtime"]);
export type JobDefaultOrder = Static<typeof JobDefaultOrder>;

export const TaskSchedulingPolicy = model("TaskSchedulingPolicy", "How tasks spread over the nodes of a pool.", {
  nodeFillType: required(ComputeNodeFillType, "Evenly over all nodes, or one node after the other."),
  jobDefaultOrder: optional(
    since("2025-06-01", JobDefaultOrder),
    "Among jobs of one priority: shared, or oldest first.",
  ),
});
export type TaskSchedulingPolicy = Static<typeof TaskSchedulingPolicy>;

export const VmSize = Type.String({ minLength: 1, maxLength: 128 });
export const ResizeTimeout = Duration({ minimumDuration: "PT5M" });
export const TargetNodes = Int32({ minimum: 0 });
export const PackageReferences = Type.Array(ApplicationPackageReference, { maxItems: 10 });
export const CertificateReferences = until("2025-06-01", Type.Array(CertificateReference));
export const ResourceTags = until("2025-06-01", Type.Record(Type.String(), Type.String()));
export const CommunicationMode = since("2022-10-01.16.0", until("2025-06-01", NodeCommunicationMode));

/** Of a pool that has nodes, these stay as they are; of an empty one, PATCH may change them since 2024-07-01.20.0. */
export const fixedSettings = {
  displayName: optional(DisplayName),
  taskSlotsPerNode: optional(
    renamed("maxTasksPerNode", "2020-09-01.12.0", Int32({ minimum: 1, maximum: 256 })),
    "How many task slots each node has; at most four for each core.",
  ),
  taskSchedulingPolicy: optional(TaskSchedulingPolicy),
  enableInterNodeCommunication: optional(Type.Boolean(), "Whether nodes can reach each other directly."),
  virtualMachineConfiguration: optional(VirtualMachineConfiguration),
  networkConfiguration: optional(NetworkConfiguration),
  userAccounts: optional(Type.Array(UserAccount)),
  mountConfiguration: optional(Type.Array(MountConfiguration, { maxItems: 10 })),
  upgradePolicy: optional(since("2024-02-01.19.0", UpgradePolicy)),
  resourceTags: optional(since("2023-11-01.18.0", ResourceTags)),
};

/** May change any time; nodes take note when they restart. */
export const changeableSettings = {
  startTask: optional(StartTask),
  certificateReferences: optional(CertificateReferences),
  applicationPackageReferences: optional(PackageReferences),
  metadata: optional(Metadata()),
  targetNodeCommunicationMode: optional(CommunicationMode),
};

export const scaleSettings = {
  resizeTimeout: optional(ResizeTimeout, "How long a resize may take."),
  targetDedicatedNodes: optional(TargetNodes, "Not together with autoscale."),
  targetLowPriorityNodes: optional(TargetNodes, "Not together with autoscale."),
  enableAutoScale: optional(Type.Boolean()),
  autoScaleFormula: optional(AutoScaleFormula),
  autoScaleEvaluationInterval: optional(AutoScaleEvaluationInterval),
};

export const retiredSettings = {
  cloudServiceConfiguration: optional(until("2024-07-01.20.0", CloudServiceConfiguration)),
  applicationLicenses: optional(until("2024-07-01.20.0", Type.Array(Type.String()))),
};

export const PoolSpecification = model("PoolSpecification", "A pool that the service makes for a job by itself.", {
  vmSize: VmSize,
  ...fixedSettings,
  ...changeableSettings,
  ...scaleSettings,
  ...retiredSettings,
});
export type PoolSpecification = Static<typeof PoolSpecification>;

export const PoolLifetimeOption = StringEnum(["jobschedule", "job"]);
export type PoolLifetimeOption = Static<typeof PoolLifetimeOption>;

export const AutoPoolSpecification = model("AutoPoolSpecification", "A pool that comes and goes with its job.", {
  autoPoolIdPrefix: optional(Type.String({ maxLength: 20, pattern: "^[A-Za-z0-9_-]*$" }), "The pool's id starts so."),
  poolLifetimeOption: required(PoolLifetimeOption, "One pool for each job, or one for all jobs of a schedule."),
  keepAlive: optional(Type.Boolean(), "Whether the pool outlives its job."),
  pool: optional(PoolSpecification),
});
export type AutoPoolSpecification = Static<typeof AutoPoolSpecification>;

export const PoolInformation = model(
  "PoolInformation",
  "Where tasks of a job run: an existing pool, or one made for it.",
  {
    poolId: optional(Type.String({ minLength: 1, maxLength: 128 })),
    autoPoolSpecification: optional(AutoPoolSpecification),
  },
);
export type PoolInformation = Static<typeof PoolInformation>;
