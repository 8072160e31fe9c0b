import Type, { type Static } from "typebox";
import { ComputeNodeIdentityReference } from "./containers.ts";
import { ImageReference } from "./images.ts";
import { InboundEndpointProtocol } from "./network.ts";
import {
  ComputeNodeDeallocateOption,
  ComputeNodeRebootOption,
  ComputeNodeReimageOption,
  DisableComputeNodeSchedulingOption,
} from "./node-options.ts";
import { CertificateReferences } from "./pool-settings.ts";
import {
  addition,
  DateTime,
  Int32,
  model,
  NameValuePair,
  optional,
  readOnly,
  required,
  StringEnum,
  secret,
  since,
} from "./schema.ts";
import { StartTask, StartTaskInformation } from "./start-task.ts";
import { ComputeNodeState, SchedulingState, TaskState } from "./states.ts";
import { TaskExecutionInformation } from "./task-execution.ts";
import { VMExtension } from "./virtual-machine.ts";

export const TaskInformation = model("TaskInformation", "A task that ran on a node of late.", {
  taskUrl: optional(Type.String()),
  jobId: optional(Type.String()),
  taskId: optional(Type.String()),
  subtaskId: optional(Int32(), "Set when the task is an instance of a multi-instance task."),
  taskState: TaskState,
  executionInfo: optional(TaskExecutionInformation),
});
export type TaskInformation = Static<typeof TaskInformation>;

export const ComputeNodeError = model("ComputeNodeError", "Something wrong with a node.", {
  code: optional(Type.String()),
  message: optional(Type.String()),
  errorDetails: optional(Type.Array(NameValuePair)),
});
export type ComputeNodeError = Static<typeof ComputeNodeError>;

export const InboundEndpoint = model("InboundEndpoint", "A port of a node that is reachable from outside.", {
  name: Type.String(),
  protocol: InboundEndpointProtocol,
  publicIPAddress: Type.String(),
  publicFQDN: Type.String(),
  frontendPort: required(Int32(), "The port outside."),
  backendPort: required(Int32(), "The port on the node."),
});
export type InboundEndpoint = Static<typeof InboundEndpoint>;

export const ComputeNodeEndpointConfiguration = model(
  "ComputeNodeEndpointConfiguration",
  "What of a node is reachable from outside.",
  { inboundEndpoints: Type.Array(InboundEndpoint) },
);
export type ComputeNodeEndpointConfiguration = Static<typeof ComputeNodeEndpointConfiguration>;

export const NodeAgentInformation = model("NodeAgentInformation", "The agent on a node.", {
  version: Type.String(),
  lastUpdateTime: DateTime(),
});
export type NodeAgentInformation = Static<typeof NodeAgentInformation>;

export const VirtualMachineInfo = model("VirtualMachineInfo", "The machine behind a node.", {
  imageReference: optional(ImageReference),
  scaleSetVmResourceId: optional(since("2023-11-01.18.0", Type.String())),
});
export type VirtualMachineInfo = Static<typeof VirtualMachineInfo>;

export const ComputeNode = model("ComputeNode", "A machine of a pool.", {
  id: optional(Type.String()),
  url: optional(Type.String()),
  state: optional(ComputeNodeState),
  schedulingState: optional(SchedulingState),
  stateTransitionTime: optional(DateTime()),
  lastBootTime: optional(DateTime(), "Absent before the first boot."),
  allocationTime: optional(DateTime(), "When it joined the pool; never changes."),
  ipAddress: optional(Type.String()),
  ipv6Address: optional(since("2025-06-01", readOnly(Type.String()))),
  publicIPAddress: optional(since("2026-10-01", readOnly(Type.String()))),
  publicIPv6Address: optional(since("2026-10-01", readOnly(Type.String()))),
  affinityId: optional(Type.String(), "What a task names to be placed here."),
  vmSize: optional(Type.String()),
  totalTasksRun: optional(Int32()),
  runningTasksCount: optional(Int32()),
  runningTaskSlotsCount: optional(since("2020-09-01.12.0", Int32())),
  totalTasksSucceeded: optional(Int32()),
  recentTasks: optional(Type.Array(TaskInformation), "Oldest first; absent until a task has run."),
  startTask: optional(StartTask, "As this node knows it."),
  startTaskInfo: optional(StartTaskInformation),
  certificateReferences: optional(CertificateReferences),
  errors: optional(Type.Array(ComputeNodeError)),
  isDedicated: optional(Type.Boolean()),
  endpointConfiguration: optional(ComputeNodeEndpointConfiguration),
  nodeAgentInfo: optional(NodeAgentInformation),
  virtualMachineInfo: optional(VirtualMachineInfo),
});
export type ComputeNode = Static<typeof ComputeNode>;

export const ComputeNodeUser = model("ComputeNodeUser", "A person's account on a node.", {
  name: Type.String({ minLength: 1, maxLength: 20 }),
  isAdmin: optional(Type.Boolean()),
  expiryTime: optional(DateTime(), "A day from now when absent."),
  password: optional(secret(Type.String())),
  sshPublicKey: optional(Type.String(), "Linux only."),
});
export type ComputeNodeUser = Static<typeof ComputeNodeUser>;

export const NodeUpdateUserParameter = model(
  "NodeUpdateUserParameter",
  "Replaces password, key and expiry together; what is missing is removed.",
  {
    password: optional(secret(Type.String())),
    expiryTime: optional(DateTime()),
    sshPublicKey: optional(Type.String()),
  },
);
export type NodeUpdateUserParameter = Static<typeof NodeUpdateUserParameter>;

export const NodeRebootParameter = model("NodeRebootParameter", "How a node is restarted.", {
  nodeRebootOption: optional(ComputeNodeRebootOption),
});
export type NodeRebootParameter = Static<typeof NodeRebootParameter>;

export const NodeReimageParameter = model("NodeReimageParameter", "How a node is set up anew.", {
  nodeReimageOption: optional(ComputeNodeReimageOption),
});
export type NodeReimageParameter = Static<typeof NodeReimageParameter>;

export const NodeDeallocateParameter = model("NodeDeallocateParameter", "How a node is released.", {
  nodeDeallocateOption: optional(ComputeNodeDeallocateOption),
});
export type NodeDeallocateParameter = Static<typeof NodeDeallocateParameter>;

export const NodeDisableSchedulingParameter = model(
  "NodeDisableSchedulingParameter",
  "How a node is closed to tasks.",
  {
    nodeDisableSchedulingOption: optional(DisableComputeNodeSchedulingOption),
  },
);
export type NodeDisableSchedulingParameter = Static<typeof NodeDisableSchedulingParameter>;

export const ComputeNodeGetRemoteLoginSettingsResult = model(
  "ComputeNodeGetRemoteLoginSettingsResult",
  "Where to log in to a node from outside.",
  {
    remoteLoginIPAddress: Type.String(),
    remoteLoginPort: Int32(),
    ipv6RemoteLoginIPAddress: optional(since("2025-06-01", Type.String())),
    ipv6RemoteLoginPort: optional(since("2025-06-01", Int32())),
    remoteLoginUserSuffix: optional(
      addition(Type.String()),
      "What the machine adds to the name of an account, because nodes share it: `ann` logs in as `ann-3f09ac`.",
    ),
  },
);
export type ComputeNodeGetRemoteLoginSettingsResult = Static<typeof ComputeNodeGetRemoteLoginSettingsResult>;

export const UploadBatchServiceLogsConfiguration = model(
  "UploadBatchServiceLogsConfiguration",
  "Which logs of a node's agent go where.",
  {
    containerUrl: Type.String({ minLength: 1 }),
    startTime: DateTime(),
    endTime: optional(DateTime(), "Everything after the start when absent."),
    identityReference: optional(ComputeNodeIdentityReference),
  },
);
export type UploadBatchServiceLogsConfiguration = Static<typeof UploadBatchServiceLogsConfiguration>;

export const UploadBatchServiceLogsResult = model(
  "UploadBatchServiceLogsResult",
  "Where uploaded logs will be found.",
  {
    virtualDirectoryName: Type.String(),
    numberOfFilesUploaded: Int32(),
  },
);
export type UploadBatchServiceLogsResult = Static<typeof UploadBatchServiceLogsResult>;

export const StatusLevelTypes = StringEnum(["Error", "Info", "Warning"]);
export type StatusLevelTypes = Static<typeof StatusLevelTypes>;

export const InstanceViewStatus = model("InstanceViewStatus", "What an extension says of itself.", {
  code: optional(Type.String()),
  displayStatus: optional(Type.String()),
  level: optional(StatusLevelTypes),
  message: optional(Type.String()),
  time: optional(Type.String()),
});
export type InstanceViewStatus = Static<typeof InstanceViewStatus>;

export const VMExtensionInstanceView = model("VMExtensionInstanceView", "How an extension fares on a node.", {
  name: optional(Type.String()),
  statuses: optional(Type.Array(InstanceViewStatus)),
  subStatuses: optional(Type.Array(InstanceViewStatus)),
});
export type VMExtensionInstanceView = Static<typeof VMExtensionInstanceView>;

export const NodeVMExtension = model("NodeVMExtension", "An extension on a node.", {
  provisioningState: optional(Type.String()),
  vmExtension: optional(VMExtension),
  instanceView: optional(VMExtensionInstanceView),
});
export type NodeVMExtension = Static<typeof NodeVMExtension>;
