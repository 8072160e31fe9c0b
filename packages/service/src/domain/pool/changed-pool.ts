import { BatchError, type PoolPatchParameter, type PoolUpdatePropertiesParameter } from "@kyanite/contract";
import { checkSupported } from "../unsupported.ts";
import { checkHardware, checkNodeKinds, checkStartTask, checkTaskSlots, withDefaults } from "./new-pool.ts";
import type { Pool, PoolIdentity, PoolSpec } from "./pool.ts";
import { checkPoolSettings } from "./pool-settings.ts";

/** What may change while a pool has nodes; these take note when they restart. */
const changeable: ReadonlySet<string> = new Set([
  "startTask",
  "certificateReferences",
  "applicationPackageReferences",
  "metadata",
  "targetNodeCommunicationMode",
  "identity",
] satisfies (keyof (PoolPatchParameter & PoolIdentity))[]);

/**
 * A pool with the given properties replaced and the others as they were.
 * @throws BatchError for a broken rule, or a property that may change only while the pool has no nodes
 */
export function patchedPool(
  pool: Pool,
  patch: PoolPatchParameter & PoolIdentity,
  { isEmpty, now }: { readonly isEmpty: boolean; readonly now: Date },
): Pool {
  const fixed = Object.keys(patch).find((name) => !changeable.has(name));
  if (fixed !== undefined && !isEmpty)
    throw new BatchError("OperationInvalidForCurrentState", {
      PropertyName: fixed,
      Reason: "The property may change only while the pool has no nodes",
    });
  return changed(pool, { ...pool.spec, ...patch }, now);
}

/** A pool with the group of properties replaced that belong together: what is missing is removed. */
export function withProperties(pool: Pool, body: PoolUpdatePropertiesParameter, now: Date): Pool {
  const { startTask: _, ...spec } = pool.spec;
  return changed(
    pool,
    {
      ...spec,
      ...(body.startTask ? { startTask: body.startTask } : {}),
      ...(body.certificateReferences ? { certificateReferences: body.certificateReferences } : {}),
      applicationPackageReferences: body.applicationPackageReferences,
      metadata: body.metadata,
      targetNodeCommunicationMode: body.targetNodeCommunicationMode ?? "default",
    },
    now,
  );
}

function changed(pool: Pool, given: PoolSpec, now: Date): Pool {
  const spec = withDefaults(withoutEmptyLists(given));
  const cores = checkHardware(spec);
  const taskSlotsPerNode = checkTaskSlots(spec.taskSlotsPerNode ?? 1, cores);
  checkPoolSettings(spec);
  checkSupported("pool", spec);
  checkStartTask(spec.startTask, "startTask");
  const enableInterNodeCommunication = spec.enableInterNodeCommunication ?? false;
  const { targetDedicatedNodes, targetLowPriorityNodes } = pool;
  checkNodeKinds({ targetDedicatedNodes, targetLowPriorityNodes, enableInterNodeCommunication });
  return {
    ...pool,
    lastModified: now,
    vmSize: spec.vmSize,
    cores,
    taskSlotsPerNode,
    enableInterNodeCommunication,
    spec,
  };
}

/** Lists that were emptied are left out of what clients see, but not that of certificates. */
function withoutEmptyLists(spec: PoolSpec): PoolSpec {
  const { applicationPackageReferences = [], metadata = [], ...rest } = spec;
  return {
    ...rest,
    ...(applicationPackageReferences.length > 0 ? { applicationPackageReferences } : {}),
    ...(metadata.length > 0 ? { metadata } : {}),
  };
}
