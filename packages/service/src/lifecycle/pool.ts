import { randomBytes } from "node:crypto";
import { BatchError, type PoolResizeParameter } from "@kyanite/contract";
import type { Account } from "../domain/account.ts";
import type { Node } from "../domain/node.ts";
import { newNodeId } from "../domain/node-id.ts";
import type { Pool } from "../domain/pool.ts";
import { resizeStep } from "../domain/resize.ts";
import { afterDisable, afterTermination } from "../domain/task.ts";
import { after } from "../domain/time.ts";
import { type Database, type Sql, transaction } from "../store/database.ts";
import { insertNodes, leavePool, lockNodes, readNodesOfPool } from "../store/nodes.ts";
import { notify } from "../store/notices.ts";
import { deletePool, lockPool, lockPoolByPk, readMovingPools, savePool } from "../store/pools.ts";
import { lockTasksOnNodes } from "../store/tasks.ts";
import { takeFromNodes } from "./task.ts";

export async function lockExistingPool(sql: Sql, account: Account, id: string): Promise<Pool> {
  const pool = await lockPool(sql, account, id);
  if (!pool) throw new BatchError("PoolNotFound");
  return pool;
}

/** @throws BatchError when the pool is being deleted */
export function checkPoolIsActive(pool: Pool): void {
  if (pool.state === "deleting") throw new BatchError("PoolBeingDeleted");
}

/** What a resize asks for; a target that is not given stays as it is. */
export type ResizeRequest = PoolResizeParameter & { readonly timeoutSeconds: number };

/** Sets new targets; the service pursues them in the background. */
export async function resizePool(sql: Sql, pool: Pool, request: ResizeRequest, now: Date): Promise<{ etag: string }> {
  checkPoolIsActive(pool);
  if (pool.enableAutoScale)
    throw new BatchError("OperationInvalidForCurrentState", {
      Reason: "The pool has autoscale enabled; disable it first",
    });
  if (pool.allocationState !== "steady") throw new BatchError("PoolBeingResized");
  const saved = await savePool(
    sql,
    {
      ...pool,
      lastModified: now,
      targetDedicatedNodes: request.targetDedicatedNodes ?? pool.targetDedicatedNodes,
      targetLowPriorityNodes: request.targetLowPriorityNodes ?? pool.targetLowPriorityNodes,
      allocationState: "resizing",
      allocationStateTransitionTime: now,
      resizeDeadline: after(now, request.timeoutSeconds),
      resizeTimeoutSeconds: request.timeoutSeconds,
      nodeDeallocationOption: request.nodeDeallocationOption ?? "requeue",
      resizeErrors: null,
    },
    "client",
  );
  await notify(sql, "pools");
  return saved;
}

/** Stops a resize: the nodes that are there stay, and so does the target. */
export async function stopResize(sql: Sql, pool: Pool, now: Date): Promise<void> {
  checkPoolIsActive(pool);
  if (pool.allocationState !== "resizing")
    throw new BatchError("OperationInvalidForCurrentState", { Reason: "The pool is not being resized" });
  await savePool(sql, { ...pool, allocationState: "stopping", allocationStateTransitionTime: now }, "service");
  await notify(sql, "pools");
}

/** Begins to delete a pool: its nodes leave, their tasks go back to the queue, and then the pool is gone. */
export async function beginDeletePool(sql: Sql, pool: Pool, now: Date): Promise<void> {
  checkPoolIsActive(pool);
  await savePool(
    sql,
    {
      ...pool,
      state: "deleting",
      stateTransitionTime: now,
      lastModified: now,
      allocationState: "resizing",
      allocationStateTransitionTime: now,
      targetDedicatedNodes: 0,
      targetLowPriorityNodes: 0,
      nodeDeallocationOption: "requeue",
      resizeDeadline: null,
      resizeErrors: null,
    },
    "client",
  );
  await notify(sql, "pools");
}

/** Brings every pool whose nodes are not what they should be one step further. */
export async function advancePools(database: Database, now: Date): Promise<void> {
  for (const { pk } of await readMovingPools(database)) await transaction(database, (sql) => advancePool(sql, pk, now));
}

async function advancePool(sql: Sql, pk: number, now: Date): Promise<void> {
  const pool = await lockPoolByPk(sql, pk);
  if (!pool || (pool.allocationState === "steady" && pool.state === "active")) return;
  const nodes = await readNodesOfPool(sql, pk);
  const step = resizeStep(pool, nodes, now);
  await growPool(sql, pool, step.grow, now);
  await shrinkPool(sql, pool, step.shrink, now);
  if (!step.settled) return;
  if (pool.state === "deleting" && nodes.length === 0) return deletePool(sql, pk);
  const resizeErrors = step.settled.errors.length > 0 ? step.settled.errors : null;
  await savePool(
    sql,
    { ...pool, allocationState: "steady", allocationStateTransitionTime: now, resizeDeadline: null, resizeErrors },
    "service",
  );
}

async function growPool(
  sql: Sql,
  pool: Pool,
  grow: { dedicated: number; lowPriority: number },
  now: Date,
): Promise<void> {
  const nodes = [
    ...Array.from({ length: grow.dedicated }, () => true),
    ...Array.from({ length: grow.lowPriority }, () => false),
  ].map((isDedicated) => ({ id: newNodeId(randomBytes(32).toString("hex"), isDedicated), isDedicated }));
  if (nodes.length > 0) await insertNodes(sql, pool, nodes, now);
}

/** Takes nodes out of a pool; what becomes of their tasks is the pool's deallocation option. */
async function shrinkPool(sql: Sql, pool: Pool, nodes: readonly Node[], now: Date): Promise<void> {
  if (nodes.length === 0) return;
  const pks = nodes.map(({ pk }) => pk);
  const option = pool.nodeDeallocationOption;
  if (option === "requeue" || option === "terminate") {
    const tasks = await lockTasksOnNodes(sql, pks);
    const message = "The task was ended because its compute node left the pool";
    await takeFromNodes(
      sql,
      tasks,
      (task) => (option === "requeue" ? afterDisable(task, now) : afterTermination(task, message, now)),
      now,
    );
  }
  await lockNodes(sql, pks);
  await leavePool(sql, pks, now);
}
