import {
  ComputeNodeDeallocationOption,
  formatDuration,
  type ManagedPool,
  PoolAddParameter,
  toManagement,
} from "@kyanite/contract";
import type { Account } from "../../../domain/account/account.ts";
import { wireTags } from "../../../domain/tags.ts";
import { isoTime } from "../../../domain/time.ts";
import type { PoolWithNodes } from "../../../store/pools.ts";
import { accountId, weakEtag } from "../handler.ts";

type Properties = NonNullable<ManagedPool["properties"]>;

const allocationStates = { steady: "Steady", resizing: "Resizing", stopping: "Stopping" } as const;

/** A pool as clients of the management plane see it. */
export function wirePool(account: Account, pool: PoolWithNodes): ManagedPool {
  const { displayName, metadata, resourceTags, applicationLicenses } = pool.spec;
  const hasNodes = pool.currentDedicatedNodes + pool.currentLowPriorityNodes > 0;
  return {
    id: `${accountId(account)}/pools/${pool.id}`,
    name: pool.id,
    type: "Microsoft.Batch/batchAccounts/pools",
    etag: weakEtag(pool.etag),
    ...wireTags(pool),
    ...identityOf(pool),
    properties: {
      ...settingsOf(pool),
      ...referencesOf(account, pool),
      ...(displayName === undefined ? {} : { displayName }),
      ...(metadata ? { metadata } : {}),
      ...(resourceTags ? { resourceTags } : {}),
      ...(applicationLicenses ? { applicationLicenses } : {}),
      lastModified: isoTime(pool.lastModified),
      creationTime: isoTime(pool.creationTime),
      provisioningState: pool.state === "deleting" ? "Deleting" : "Succeeded",
      provisioningStateTransitionTime: isoTime(pool.stateTransitionTime),
      allocationState: allocationStates[pool.allocationState],
      allocationStateTransitionTime: isoTime(pool.allocationStateTransitionTime),
      vmSize: pool.vmSize,
      currentDedicatedNodes: pool.currentDedicatedNodes,
      currentLowPriorityNodes: pool.currentLowPriorityNodes,
      interNodeCommunication: pool.enableInterNodeCommunication ? "Enabled" : "Disabled",
      taskSlotsPerNode: pool.taskSlotsPerNode,
      ...(hasNodes ? { currentNodeCommunicationMode: "Simplified" } : {}),
      scaleSettings: scaleOf(pool),
      ...autoScaleRunOf(pool),
      resizeOperationStatus: resizeOf(pool),
    },
  };
}

function identityOf({ spec: { identity } }: PoolWithNodes): Pick<ManagedPool, "identity"> {
  if (!identity) return {};
  const ids = identity.userAssignedIdentities ?? [];
  return {
    identity: { type: identity.type, userAssignedIdentities: Object.fromEntries(ids.map((id) => [id.resourceId, {}])) },
  };
}

/** What differs from the data plane in names and spelling only. */
function settingsOf({ spec }: PoolWithNodes): Partial<Properties> {
  const {
    virtualMachineConfiguration,
    networkConfiguration,
    taskSchedulingPolicy,
    userAccounts,
    startTask,
    mountConfiguration,
    targetNodeCommunicationMode = "default",
    upgradePolicy,
  } = spec;
  const shapes = PoolAddParameter.properties;
  const written = toManagement(PoolAddParameter, {
    networkConfiguration,
    taskSchedulingPolicy,
    userAccounts,
    startTask,
    mountConfiguration,
    targetNodeCommunicationMode,
    upgradePolicy,
  });
  return {
    ...(typeof written === "object" ? written : {}),
    deploymentConfiguration: {
      virtualMachineConfiguration: toManagement(shapes.virtualMachineConfiguration, virtualMachineConfiguration),
    },
  };
}

function referencesOf(
  account: Account,
  { spec }: PoolWithNodes,
): Pick<Properties, "certificates" | "applicationPackages"> {
  const { certificateReferences = [], applicationPackageReferences = [] } = spec;
  const base = accountId(account);
  const shape = PoolAddParameter.properties.certificateReferences.items.properties.visibility;
  return {
    ...(certificateReferences.length > 0
      ? {
          certificates: certificateReferences.map(
            ({ thumbprintAlgorithm, thumbprint, storeLocation, storeName, visibility }) => ({
              id: `${base}/certificates/${thumbprintAlgorithm}-${thumbprint}`.toLowerCase(),
              ...(storeLocation ? { storeLocation } : {}),
              ...(storeName === undefined ? {} : { storeName }),
              ...(visibility ? { visibility: toManagement(shape, visibility) } : {}),
            }),
          ),
        }
      : {}),
    ...(applicationPackageReferences.length > 0
      ? {
          applicationPackages: applicationPackageReferences.map(({ applicationId, version }) => ({
            id: `${base}/applications/${applicationId}`,
            ...(version === undefined ? {} : { version }),
          })),
        }
      : {}),
  };
}

function scaleOf(pool: PoolWithNodes): NonNullable<Properties["scaleSettings"]> {
  const { autoScaleFormula = "", autoScaleEvaluationInterval } = pool.spec;
  if (pool.enableAutoScale)
    return {
      autoScale: {
        formula: autoScaleFormula,
        ...(autoScaleEvaluationInterval ? { evaluationInterval: autoScaleEvaluationInterval } : {}),
      },
    };
  return { fixedScale: targetsOf(pool) };
}

function targetsOf({ targetDedicatedNodes, targetLowPriorityNodes, resizeTimeoutSeconds }: PoolWithNodes) {
  return { targetDedicatedNodes, targetLowPriorityNodes, resizeTimeout: formatDuration(resizeTimeoutSeconds) };
}

function autoScaleRunOf({ autoScaleRun: run }: PoolWithNodes): Pick<Properties, "autoScaleRun"> {
  if (!run) return {};
  const { timestamp, results, error } = run;
  return {
    autoScaleRun: {
      evaluationTime: timestamp,
      ...(results === undefined ? {} : { results }),
      ...(error ? { error: detailed(error) } : {}),
    },
  };
}

function resizeOf(pool: PoolWithNodes): NonNullable<Properties["resizeOperationStatus"]> {
  const isSteady = pool.allocationState === "steady";
  return {
    ...targetsOf(pool),
    nodeDeallocationOption: toManagement(ComputeNodeDeallocationOption, pool.nodeDeallocationOption),
    // Of a resize that has ended only the end is known.
    ...(isSteady ? {} : { startTime: isoTime(pool.allocationStateTransitionTime) }),
    ...(pool.resizeErrors && isSteady ? { errors: pool.resizeErrors.map(detailed) } : {}),
  };
}

interface OwnError {
  readonly code?: string | undefined;
  readonly message?: string | undefined;
  readonly values?: readonly { readonly name?: string | undefined; readonly value?: string | undefined }[] | undefined;
}

function detailed({ code = "", message = "", values = [] }: OwnError) {
  return { code, message, details: values.map(({ name, value }) => ({ code: name, message: value })) };
}
