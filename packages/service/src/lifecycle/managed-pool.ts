import { BatchError, ComputeNodeDeallocationOption, fromManagement, type ManagedPool } from "@kyanite/contract";
import type { Account } from "../domain/account/account.ts";
import { changesOf, checkedScale, poolToAdd, scalesBy } from "../domain/pool/managed-pool.ts";
import { resizeTimeout } from "../domain/pool/new-pool.ts";
import type { Pool } from "../domain/pool/pool.ts";
import { checkDescriptions } from "../domain/unsupported.ts";
import type { Sql } from "../store/database.ts";
import { lockPool, savePool } from "../store/pools.ts";
import { saveTags } from "../store/tags.ts";
import { type AutoScaleRequest, disableAutoScale, enableAutoScale } from "./auto-scale.ts";
import { lockExistingPool } from "./existing.ts";
import { addPool, patchPool, replacePoolProperties } from "./pool.ts";
import type { Quotas } from "./quotas.ts";
import { resizePool } from "./resize.ts";

/** A pool of the management plane: its name, what a request says of it, and the account it belongs to. */
export interface ManagedPoolRequest {
  readonly account: Account;
  readonly accountId: string;
  readonly name: string;
  readonly body: ManagedPool;
  /** @throws BatchError when a pool that is there, or none, is not what the client expects */
  readonly check: (present: Pool | undefined) => void;
  readonly quotas: Quotas;
  readonly now: Date;
}

/** Makes a pool; one that is there gets all the properties of the body, and loses those that are not in it. */
export async function putPool(sql: Sql, request: ManagedPoolRequest): Promise<void> {
  const { account, accountId, name, body, check, quotas, now } = request;
  const present = await lockPool(sql, account, name);
  check(present);
  const wanted = poolToAdd(name, body, accountId);
  checkDescriptions(quotas.unsupportedProperties, "pool", wanted);
  if (!present) {
    await addPool(sql, account, wanted, { ...quotas, now });
    await keepDeallocationOption(sql, request);
    await keepTags(sql, request);
    return;
  }
  const { startTask, certificateReferences = [], applicationPackageReferences = [], metadata = [] } = wanted;
  const { targetNodeCommunicationMode } = wanted;
  await replacePoolProperties(sql, account, present, {
    body: {
      certificateReferences,
      applicationPackageReferences,
      metadata,
      ...(startTask ? { startTask } : {}),
      ...(targetNodeCommunicationMode ? { targetNodeCommunicationMode } : {}),
    },
    now,
  });
  await changeSettings(sql, request);
  const nothing = { targetDedicatedNodes: 0, targetLowPriorityNodes: 0 };
  const { autoScale, fixedScale } = body.properties?.scaleSettings ?? {};
  await scale(sql, request, autoScale ? { autoScale } : { fixedScale: { ...nothing, ...fixedScale } });
  await keepTags(sql, request);
}

/** Changes the given properties of a pool, its scale included. */
export async function updatePool(sql: Sql, request: ManagedPoolRequest): Promise<void> {
  request.check(await lockExistingPool(sql, request.account, { poolId: request.name }));
  await changeSettings(sql, request);
  await scale(sql, request, request.body.properties?.scaleSettings);
  await keepTags(sql, request);
}

async function keepTags(sql: Sql, { account, name, body: { tags } }: ManagedPoolRequest): Promise<void> {
  const { pk } = await lockExistingPool(sql, account, { poolId: name });
  await saveTags(sql, "pool", { pk, tags });
}

async function changeSettings(sql: Sql, request: ManagedPoolRequest): Promise<void> {
  const { account, accountId, name, body, quotas, now } = request;
  const pool = await lockExistingPool(sql, account, { poolId: name });
  const changes = changesOf(pool, body, accountId);
  checkDescriptions(quotas.unsupportedProperties, "pool", changes);
  if (Object.keys(changes).length > 0) await patchPool(sql, account, pool, { body: changes, now });
}

type Scale = NonNullable<ManagedPool["properties"]>["scaleSettings"];

async function scale(sql: Sql, { account, name, quotas, now }: ManagedPoolRequest, given: Scale): Promise<void> {
  const { fixedScale, autoScale } = checkedScale(given) ?? {};
  const pool = await lockExistingPool(sql, account, { poolId: name });
  if (autoScale) await scaleByFormula(sql, pool, autoScale, { settings: quotas, now });
  if (!fixedScale) return;
  if (pool.enableAutoScale) await disableAutoScale(sql, pool, now);
  const fixed = await lockExistingPool(sql, account, { poolId: name });
  const { targetDedicatedNodes = fixed.targetDedicatedNodes, targetLowPriorityNodes = fixed.targetLowPriorityNodes } =
    fixedScale;
  const isReached =
    targetDedicatedNodes === fixed.targetDedicatedNodes && targetLowPriorityNodes === fixed.targetLowPriorityNodes;
  if (isReached) return;
  await resizePool(
    sql,
    fixed,
    {
      targetDedicatedNodes,
      targetLowPriorityNodes,
      timeoutSeconds: resizeTimeout(fixedScale.resizeTimeout),
      nodeDeallocationOption: deallocationOption(fixedScale.nodeDeallocationOption),
    },
    now,
  );
}

async function scaleByFormula(
  sql: Sql,
  pool: Pool,
  autoScale: NonNullable<NonNullable<Scale>["autoScale"]>,
  request: AutoScaleRequest,
): Promise<void> {
  if (scalesBy(pool, autoScale)) return;
  const { formula, evaluationInterval } = autoScale;
  const body = { autoScaleFormula: formula, autoScaleEvaluationInterval: evaluationInterval };
  await enableAutoScale(sql, pool, body, request);
}

/** What becomes of tasks when nodes leave can be said of a new pool too. */
async function keepDeallocationOption(sql: Sql, { account, name, body }: ManagedPoolRequest): Promise<void> {
  const given = body.properties?.scaleSettings?.fixedScale?.nodeDeallocationOption;
  if (given === undefined) return;
  const pool = await lockExistingPool(sql, account, { poolId: name });
  await savePool(sql, { ...pool, nodeDeallocationOption: deallocationOption(given) }, "service");
}

function deallocationOption(given: unknown): ComputeNodeDeallocationOption {
  const text = fromManagement(ComputeNodeDeallocationOption, given ?? "requeue");
  const option = ComputeNodeDeallocationOption.enum.find((each) => each === text);
  if (option === undefined) throw new BatchError("InvalidPropertyValue", { PropertyName: "nodeDeallocationOption" });
  return option;
}
