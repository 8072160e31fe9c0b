import Type, { type Static } from "typebox";
import { AutoScaleEvaluationInterval, AutoScaleFormula } from "../autoscale.ts";
import { CertificateReference } from "../certificates.ts";
import { ComputeNodeDeallocationOption } from "../node-options.ts";
import { PoolIdentityType } from "../pool-models.ts";
import {
  CommunicationMode,
  changeableSettings,
  fixedSettings,
  ResizeTimeout,
  retiredSettings,
  TargetNodes,
  VmSize,
} from "../pool-settings.ts";
import { DateTime, Int32, model, optional, readOnly, required, StringEnum, until } from "../schema.ts";
import { inManagement } from "./dialect.ts";
import { managed, paths } from "./operation.ts";
import { envelope, pagedList } from "./resource.ts";

const DeploymentConfiguration = model("DeploymentConfiguration", "What the nodes of a pool are.", {
  virtualMachineConfiguration: optional(inManagement(fixedSettings.virtualMachineConfiguration)),
  cloudServiceConfiguration: optional(until("2024-07-01.20.0", retiredSettings.cloudServiceConfiguration)),
});

const fixedScale = {
  resizeTimeout: optional(ResizeTimeout),
  targetDedicatedNodes: optional(TargetNodes),
  targetLowPriorityNodes: optional(TargetNodes),
  nodeDeallocationOption: optional(inManagement(ComputeNodeDeallocationOption)),
};

const ScaleSettings = model("ScaleSettings", "How many nodes there shall be: fixed, or by a formula.", {
  fixedScale: optional(model("FixedScaleSettings", "Numbers of nodes.", fixedScale)),
  autoScale: optional(
    model("AutoScaleSettings", "A formula that says how many.", {
      formula: AutoScaleFormula,
      evaluationInterval: optional(AutoScaleEvaluationInterval),
    }),
  ),
});
export type ScaleSettings = Static<typeof ScaleSettings>;

const DetailedError = model("DetailedError", "What went wrong, and facts about it.", {
  code: Type.String(),
  message: Type.String(),
  details: optional(Type.Array(Type.Unknown())),
});

const ResizeOperationStatus = model("ResizeOperationStatus", "The resize that is under way, or was the last.", {
  ...fixedScale,
  startTime: optional(DateTime()),
  errors: optional(Type.Array(DetailedError)),
});

const ManagedAutoScaleRun = model("ManagedAutoScaleRun", "The latest evaluation of a formula.", {
  evaluationTime: DateTime(),
  results: optional(Type.String()),
  error: optional(DetailedError),
});

const ManagedCertificateReference = model("ManagedCertificateReference", "A certificate that each node gets.", {
  id: required(Type.String(), "The id of a certificate of the account."),
  storeLocation: CertificateReference.properties.storeLocation,
  storeName: CertificateReference.properties.storeName,
  visibility: optional(inManagement(CertificateReference.properties.visibility)),
});

const ManagedPackageReference = model("ManagedPackageReference", "An application that each node gets.", {
  id: required(Type.String(), "The id of an application of the account."),
  version: optional(Type.String(), "The application's default version when absent."),
});

const Identity = model("ManagedPoolIdentity", "The identities that nodes can use.", {
  type: PoolIdentityType,
  userAssignedIdentities: optional(Type.Record(Type.String(), Type.Unknown())),
});

export const ManagedPool = model("ManagedPool", "A pool, as the management plane describes it.", {
  ...envelope,
  identity: optional(Identity),
  properties: optional(
    model("ManagedPoolProperties", "The facts of a pool.", {
      displayName: fixedSettings.displayName,
      lastModified: optional(readOnly(DateTime())),
      creationTime: optional(readOnly(DateTime())),
      provisioningState: optional(readOnly(StringEnum(["Succeeded", "Deleting"]))),
      provisioningStateTransitionTime: optional(readOnly(DateTime())),
      allocationState: optional(readOnly(StringEnum(["Steady", "Resizing", "Stopping"]))),
      allocationStateTransitionTime: optional(readOnly(DateTime())),
      vmSize: optional(VmSize),
      deploymentConfiguration: optional(DeploymentConfiguration),
      currentDedicatedNodes: optional(readOnly(Int32())),
      currentLowPriorityNodes: optional(readOnly(Int32())),
      scaleSettings: optional(ScaleSettings),
      autoScaleRun: optional(readOnly(ManagedAutoScaleRun)),
      interNodeCommunication: optional(StringEnum(["Enabled", "Disabled"])),
      networkConfiguration: optional(inManagement(fixedSettings.networkConfiguration)),
      taskSlotsPerNode: fixedSettings.taskSlotsPerNode,
      taskSchedulingPolicy: optional(inManagement(fixedSettings.taskSchedulingPolicy)),
      userAccounts: optional(inManagement(fixedSettings.userAccounts)),
      metadata: changeableSettings.metadata,
      startTask: optional(inManagement(changeableSettings.startTask)),
      certificates: optional(until("2025-06-01", Type.Array(ManagedCertificateReference))),
      applicationPackages: optional(Type.Array(ManagedPackageReference, { maxItems: 10 })),
      applicationLicenses: optional(until("2025-06-01", Type.Array(Type.String()))),
      resizeOperationStatus: optional(readOnly(ResizeOperationStatus)),
      mountConfiguration: optional(inManagement(fixedSettings.mountConfiguration)),
      targetNodeCommunicationMode: optional(inManagement(CommunicationMode)),
      currentNodeCommunicationMode: optional(readOnly(inManagement(CommunicationMode))),
      upgradePolicy: optional(inManagement(fixedSettings.upgradePolicy)),
      resourceTags: fixedSettings.resourceTags,
    }),
  ),
});
export type ManagedPool = Static<typeof ManagedPool>;

const pool = `${paths.account}/pools/{poolName}` as const;

export const poolOperations = {
  Pool_ListByBatchAccount: managed({
    summary: "Lists the pools of an account",
    method: "GET",
    path: `${paths.account}/pools`,
    access: "read",
    query: { ...pagedList, $filter: Type.String(), $select: Type.String() },
    status: 200,
    response: ManagedPool,
    shape: "list",
  }),
  Pool_Create: managed({
    summary: "Makes a pool, or gives one that is there all the properties of the body",
    method: "PUT",
    path: pool,
    access: "operate",
    body: ManagedPool,
    status: 200,
    response: ManagedPool,
    entity: true,
  }),
  Pool_Update: managed({
    summary: "Changes the given properties of a pool",
    method: "PATCH",
    path: pool,
    access: "operate",
    body: ManagedPool,
    status: 200,
    response: ManagedPool,
    entity: true,
  }),
  Pool_Delete: managed({
    summary: "Deletes a pool, in the background",
    method: "DELETE",
    path: pool,
    access: "operate",
    status: 202,
  }),
  Pool_Get: managed({
    summary: "Gets a pool",
    method: "GET",
    path: pool,
    access: "read",
    status: 200,
    response: ManagedPool,
    entity: true,
  }),
  Pool_DisableAutoScale: managed({
    summary: "Turns autoscale off; the last targets stay",
    method: "POST",
    path: `${pool}/disableAutoScale`,
    access: "operate",
    status: 200,
    response: ManagedPool,
    entity: true,
  }),
  Pool_StopResize: managed({
    summary: "Stops a resize; nodes stay as they are then",
    method: "POST",
    path: `${pool}/stopResize`,
    access: "operate",
    status: 200,
    response: ManagedPool,
    entity: true,
  }),
};
