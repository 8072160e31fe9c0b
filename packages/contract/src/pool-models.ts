import Type, { type Static } from "typebox";
import { AutoScaleRun } from "./autoscale.ts";
import { ComputeNodeDeallocationOption } from "./node-options.ts";
import {
  CertificateReferences,
  CommunicationMode,
  changeableSettings,
  fixedSettings,
  PackageReferences,
  ResizeTimeout,
  ResourceTags,
  retiredSettings,
  scaleSettings,
  TargetNodes,
  VmSize,
} from "./pool-settings.ts";
import {
  addition,
  DateTime,
  Id,
  Int32,
  Metadata,
  model,
  NameValuePair,
  optional,
  readOnly,
  required,
  requiredBefore,
  StringEnum,
  since,
} from "./schema.ts";
import { AllocationState, PoolState } from "./states.ts";
import { PoolStatistics } from "./statistics.ts";
import { UpgradePolicy } from "./upgrade-policy.ts";
import { VirtualMachineSkuProfile } from "./virtual-machine.ts";

const vmSkuProfile = optional(
  since("2026-10-01", VirtualMachineSkuProfile),
  "Sizes to choose from when `vmSize` is `Mix`.",
);

export const PoolAddParameter = model("PoolAddParameter", "A pool to be added.", {
  id: Id,
  vmSize: VmSize,
  ...fixedSettings,
  ...changeableSettings,
  ...scaleSettings,
  ...retiredSettings,
  vmSkuProfile,
});
export type PoolAddParameter = Static<typeof PoolAddParameter>;

const emptyPoolSince = "2024-07-01.20.0";

export const PoolPatchParameter = model("PoolPatchParameter", "Properties of a pool to be replaced; others stay.", {
  ...changeableSettings,
  displayName: since(emptyPoolSince, fixedSettings.displayName),
  vmSize: optional(since(emptyPoolSince, VmSize)),
  taskSlotsPerNode: since(emptyPoolSince, fixedSettings.taskSlotsPerNode),
  taskSchedulingPolicy: since(emptyPoolSince, fixedSettings.taskSchedulingPolicy),
  enableInterNodeCommunication: since(emptyPoolSince, fixedSettings.enableInterNodeCommunication),
  virtualMachineConfiguration: since(emptyPoolSince, fixedSettings.virtualMachineConfiguration),
  networkConfiguration: since(emptyPoolSince, fixedSettings.networkConfiguration),
  userAccounts: since(emptyPoolSince, fixedSettings.userAccounts),
  mountConfiguration: since(emptyPoolSince, fixedSettings.mountConfiguration),
  upgradePolicy: optional(since(emptyPoolSince, UpgradePolicy)),
  resourceTags: optional(since(emptyPoolSince, ResourceTags)),
  vmSkuProfile,
});
export type PoolPatchParameter = Static<typeof PoolPatchParameter>;

export const PoolUpdatePropertiesParameter = model(
  "PoolUpdatePropertiesParameter",
  "Replaces the whole group of properties; what is missing is removed.",
  {
    startTask: changeableSettings.startTask,
    certificateReferences: optional(requiredBefore("2025-06-01", CertificateReferences)),
    applicationPackageReferences: PackageReferences,
    metadata: Metadata(),
    targetNodeCommunicationMode: optional(CommunicationMode),
  },
);
export type PoolUpdatePropertiesParameter = Static<typeof PoolUpdatePropertiesParameter>;

export const PoolResizeParameter = model("PoolResizeParameter", "The size a pool shall have.", {
  targetDedicatedNodes: optional(TargetNodes, "Stays as it is when absent; one of the two is needed."),
  targetLowPriorityNodes: optional(TargetNodes),
  resizeTimeout: optional(ResizeTimeout),
  nodeDeallocationOption: optional(ComputeNodeDeallocationOption, "What becomes of tasks on nodes that leave."),
});
export type PoolResizeParameter = Static<typeof PoolResizeParameter>;

export const NodeRemoveParameter = model("NodeRemoveParameter", "Nodes to be taken out of a pool.", {
  nodeList: required(Type.Array(Type.String(), { minItems: 1, maxItems: 100 }), "Ids of nodes."),
  resizeTimeout: optional(ResizeTimeout),
  nodeDeallocationOption: optional(ComputeNodeDeallocationOption, "What becomes of tasks on these nodes."),
});
export type NodeRemoveParameter = Static<typeof NodeRemoveParameter>;

export const ResizeError = model("ResizeError", "Why a resize did not reach its target.", {
  code: optional(Type.String()),
  message: optional(Type.String()),
  values: optional(Type.Array(NameValuePair)),
});
export type ResizeError = Static<typeof ResizeError>;

export const PoolIdentityType = StringEnum(["UserAssigned", "None"]);
export type PoolIdentityType = Static<typeof PoolIdentityType>;

export const UserAssignedIdentity = model("UserAssignedIdentity", "A managed identity that nodes can use.", {
  resourceId: Type.String(),
  clientId: optional(readOnly(Type.String())),
  principalId: optional(readOnly(Type.String())),
});

export const BatchPoolIdentity = model("BatchPoolIdentity", "The managed identities of a pool.", {
  type: PoolIdentityType,
  userAssignedIdentities: optional(Type.Array(UserAssignedIdentity)),
});
export type BatchPoolIdentity = Static<typeof BatchPoolIdentity>;

export const CloudPool = model("CloudPool", "A pool of compute nodes.", {
  id: optional(Id),
  url: optional(Type.String()),
  eTag: optional(Type.String()),
  lastModified: optional(DateTime()),
  creationTime: optional(DateTime()),
  state: optional(PoolState),
  stateTransitionTime: optional(DateTime()),
  allocationState: optional(AllocationState),
  allocationStateTransitionTime: optional(DateTime()),
  vmSize: optional(VmSize, "In lower case."),
  ...fixedSettings,
  ...changeableSettings,
  ...scaleSettings,
  ...retiredSettings,
  resizeErrors: optional(Type.Array(ResizeError), "Of the last resize, while the pool is steady."),
  currentDedicatedNodes: optional(Int32()),
  currentLowPriorityNodes: optional(Int32()),
  autoScaleRun: optional(AutoScaleRun, "The latest evaluation."),
  stats: optional(PoolStatistics, "Only with `$expand=stats`."),
  identity: optional(BatchPoolIdentity),
  currentNodeCommunicationMode: optional(readOnly(CommunicationMode)),
  vmSkuProfile: readOnly(vmSkuProfile),
  propertiesWithoutEffect: optional(
    addition(Type.Array(Type.String())),
    "Names of the given properties that describe Azure's hardware and have no effect here.",
  ),
});
export type CloudPool = Static<typeof CloudPool>;

export const PoolUsageMetrics = model("PoolUsageMetrics", "Core hours that a pool used in an interval.", {
  poolId: Type.String(),
  startTime: DateTime(),
  endTime: DateTime(),
  vmSize: Type.String(),
  totalCoreHours: Type.Number(),
});
export type PoolUsageMetrics = Static<typeof PoolUsageMetrics>;
