import { BatchError, invalidProperty, type PoolAddParameter, parseDuration } from "@kyanite/contract";
import type { Account } from "../account/account.ts";
import { checkImage } from "../catalogue/images.ts";
import { findVmSize } from "../catalogue/vm-sizes.ts";
import { checkResourceFiles } from "../task/resource-files.ts";
import { after } from "../time.ts";
import { checkSupported } from "../unsupported.ts";
import { checkedFormula, defaultInterval } from "./auto-scale.ts";
import type { Pool, PoolSpec } from "./pool.ts";
import { checkPoolSettings } from "./pool-settings.ts";
import { checkUserIdentity } from "./user-accounts.ts";

const minimumResizeTimeoutSeconds = 300;
const maximumStartTaskCharacters = 32_768;

/**
 * The pool that a request asks for: the rules that need more than one property, and the defaults that clients see.
 * @throws BatchError with the property and the rule it breaks
 */
export function newPool(body: PoolSpec, account: Pick<Account, "pk">, now: Date): Omit<Pool, "pk" | "etag"> {
  const cores = checkHardware(body);
  checkTargets(body);
  const resizeTimeoutSeconds = resizeTimeout(body.resizeTimeout);
  const taskSlotsPerNode = checkTaskSlots(body.taskSlotsPerNode ?? 1, cores);
  checkPoolSettings(body);
  checkStartTask(body.startTask, "startTask");
  checkSupported("pool", body);
  const spec = withDefaults(body);
  return {
    accountPk: account.pk,
    key: body.id.toLowerCase(),
    id: body.id,
    lastModified: now,
    creationTime: now,
    state: "active",
    stateTransitionTime: now,
    allocationState: "resizing",
    allocationStateTransitionTime: now,
    vmSize: body.vmSize.toLowerCase(),
    cores,
    enableAutoScale: body.enableAutoScale ?? false,
    enableInterNodeCommunication: body.enableInterNodeCommunication ?? false,
    targetDedicatedNodes: body.targetDedicatedNodes ?? 0,
    targetLowPriorityNodes: body.targetLowPriorityNodes ?? 0,
    taskSlotsPerNode,
    resizeDeadline: body.enableAutoScale ? null : after(now, resizeTimeoutSeconds),
    resizeTimeoutSeconds,
    nodeDeallocationOption: "requeue",
    resizeErrors: null,
    spec,
  };
}

/** @throws BatchError when nodes with so many cores may not have so many slots */
export function checkTaskSlots(taskSlotsPerNode: number, cores: number): number {
  const most = Math.min(4 * cores, 256);
  if (taskSlotsPerNode <= most) return taskSlotsPerNode;
  throw invalidProperty(
    "taskSlotsPerNode",
    taskSlotsPerNode,
    `A node of this size may have at most ${most} task slots`,
  );
}

/** @returns the timeout in seconds, 15 minutes when none is given */
export function resizeTimeout(duration: string | undefined): number {
  const seconds = duration === undefined ? 900 : (parseDuration(duration) ?? 0);
  if (seconds < minimumResizeTimeoutSeconds)
    throw invalidProperty("resizeTimeout", duration, "The resize timeout may not be below 5 minutes");
  return seconds;
}

/** @throws BatchError when the start task as a whole is too long, or one of its files is not described well */
export function checkStartTask(startTask: PoolAddParameter["startTask"], property: string): void {
  if (!startTask) return;
  if (JSON.stringify(startTask).length > maximumStartTaskCharacters)
    throw invalidProperty(
      property,
      undefined,
      `A start task may have at most ${maximumStartTaskCharacters} characters in all`,
    );
  if (startTask.commandLine.trim() === "" && !startTask.containerSettings)
    throw invalidProperty(`${property}.commandLine`, startTask.commandLine, "The command line may not be empty");
  checkUserIdentity(startTask.userIdentity, `${property}.userIdentity`);
  checkResourceFiles(startTask.resourceFiles, `${property}.resourceFiles`);
}

/** What says on which machines a pool runs. */
type Hardware = Pick<PoolAddParameter, "vmSize" | "virtualMachineConfiguration" | "cloudServiceConfiguration">;

/** @returns the cores of a node */
export function checkHardware(body: Hardware): number {
  const { virtualMachineConfiguration, cloudServiceConfiguration } = body;
  if (cloudServiceConfiguration && virtualMachineConfiguration)
    throw invalidProperty(
      "cloudServiceConfiguration",
      undefined,
      "Give either virtualMachineConfiguration or cloudServiceConfiguration",
    );
  if (cloudServiceConfiguration)
    throw new BatchError("UnsupportedProperty", {
      PropertyName: "cloudServiceConfiguration",
      Reason: "Pools of cloud services have been retired; use virtualMachineConfiguration",
    });
  if (!virtualMachineConfiguration)
    throw new BatchError("MissingRequiredProperty", { PropertyName: "virtualMachineConfiguration" });
  checkImage(virtualMachineConfiguration);
  const cores = findVmSize(body.vmSize)?.cores;
  if (cores === undefined) throw invalidProperty("vmSize", body.vmSize, "The size is not one that Azure Batch has");
  return cores;
}

function checkTargets(body: PoolAddParameter): void {
  if (body.enableAutoScale) {
    checkedFormula(body.autoScaleFormula);
    for (const name of ["targetDedicatedNodes", "targetLowPriorityNodes"] as const)
      if (body[name] !== undefined)
        throw invalidProperty(name, body[name], "A pool with autoscale may not be given a target");
    return;
  }
  for (const name of ["autoScaleFormula", "autoScaleEvaluationInterval"] as const)
    if (body[name] !== undefined)
      throw invalidProperty(name, body[name], "Only a pool with enableAutoScale may be given this");
  checkNodeKinds(body);
}

/** What says how many nodes of which kinds a pool shall have, and whether they talk to each other. */
type NodeKinds = Pick<
  PoolAddParameter,
  "targetDedicatedNodes" | "targetLowPriorityNodes" | "enableInterNodeCommunication"
>;

/** @throws BatchError for both kinds of node in a pool whose nodes talk to each other */
export function checkNodeKinds(body: NodeKinds): void {
  const hasBoth = (body.targetDedicatedNodes ?? 0) > 0 && (body.targetLowPriorityNodes ?? 0) > 0;
  if (body.enableInterNodeCommunication && hasBoth)
    throw invalidProperty(
      "enableInterNodeCommunication",
      true,
      "A pool with inter-node communication may have dedicated or low-priority nodes, but not both",
    );
}

/** A pool's body as clients see it. */
export function withDefaults(body: PoolAddParameter): PoolAddParameter {
  return {
    ...body,
    vmSize: body.vmSize.toLowerCase(),
    taskSlotsPerNode: body.taskSlotsPerNode ?? 1,
    taskSchedulingPolicy: {
      ...body.taskSchedulingPolicy,
      nodeFillType: body.taskSchedulingPolicy?.nodeFillType ?? "Spread",
    },
    enableAutoScale: body.enableAutoScale ?? false,
    ...(body.enableAutoScale
      ? { autoScaleEvaluationInterval: body.autoScaleEvaluationInterval ?? defaultInterval }
      : {}),
    enableInterNodeCommunication: body.enableInterNodeCommunication ?? false,
    ...(body.startTask ? { startTask: startTaskWithDefaults(body.startTask) } : {}),
    ...machineDefaults(body),
    ...(body.networkConfiguration
      ? {
          networkConfiguration: {
            ...body.networkConfiguration,
            dynamicVNetAssignmentScope: body.networkConfiguration.dynamicVNetAssignmentScope ?? "none",
            enableAcceleratedNetworking: body.networkConfiguration.enableAcceleratedNetworking ?? false,
          },
        }
      : {}),
  };
}

/** An image without a version is the latest one. */
function machineDefaults({
  virtualMachineConfiguration: machine,
}: PoolAddParameter): Pick<PoolAddParameter, "virtualMachineConfiguration"> {
  if (!machine) return {};
  const { imageReference } = machine;
  if (imageReference.publisher === undefined || imageReference.version !== undefined)
    return { virtualMachineConfiguration: machine };
  return {
    virtualMachineConfiguration: { ...machine, imageReference: { ...imageReference, version: "latest" } },
  };
}

/** A start task as clients see it. */
function startTaskWithDefaults(
  startTask: NonNullable<PoolAddParameter["startTask"]>,
): NonNullable<PoolAddParameter["startTask"]> {
  return {
    ...startTask,
    userIdentity: startTask.userIdentity ?? { autoUser: { scope: "pool", elevationLevel: "nonadmin" } },
    maxTaskRetryCount: startTask.maxTaskRetryCount ?? 0,
    waitForSuccess: startTask.waitForSuccess ?? true,
  };
}
