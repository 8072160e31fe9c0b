import { randomBytes } from "node:crypto";
import type { Node } from "../domain/node/node.ts";
import { newNodeId } from "../domain/node/node-id.ts";
import { type AllocationLimits, roomFor } from "../domain/pool/allocation.ts";
import { moveAllocation, type Pool } from "../domain/pool/pool.ts";
import { type PoolNode, resizeStep, surplusNodes } from "../domain/pool/resize.ts";
import { retainedUntil } from "../domain/task/retention.ts";
import { afterDisable, afterTermination, type Task } from "../domain/task/task.ts";
import { lockAllocationUse } from "../store/allocation.ts";
import { type Database, type Sql, transaction } from "../store/database.ts";
import {
  deleteNodes,
  insertNodes,
  leavePool,
  readRetentions,
  saveRetainedUntil,
  stayInPool,
} from "../store/node-provision.ts";
import { lockNodesToDelete, readNodesOfManagers, readNodesOfPool } from "../store/nodes.ts";
import { notify } from "../store/notices.ts";
import { keepPoolLoad } from "../store/pool-load.ts";
import { deletePool, lockPoolByPk, readMovingPools, savePool } from "../store/pools.ts";
import { lockTasksOnNodes } from "../store/tasks.ts";
import { interruptPreparations } from "./preparation.ts";
import { takeFromNodes } from "./task.ts";

/** Brings every pool whose nodes are not what they should be one step further. */
export async function advancePools(database: Database, limits: AllocationLimits, now: Date): Promise<void> {
  for (const { pk } of await readMovingPools(database))
    await transaction(database, (sql) => advancePool(sql, pk, limits, now));
}

async function advancePool(sql: Sql, pk: number, limits: AllocationLimits, now: Date): Promise<void> {
  const pool = await lockPoolByPk(sql, pk);
  if (!pool || (pool.allocationState === "steady" && pool.state === "active")) return;
  const use = await lockAllocationUse(sql, pool.accountPk);
  const nodes = await readPoolNodes(sql, pk);
  const step = resizeStep(pool, nodes, roomFor(pool, nodes.length, use, limits), now);
  await growPool(sql, pool, step.grow, now);
  await shrinkPool(sql, pool, step.shrink, now);
  await keepNodes(sql, step.keep, now);
  if (!step.settled) return;
  if (pool.state === "deleting") return forgetPool(sql, pk);
  const resizeErrors = step.settled.errors.length > 0 ? step.settled.errors : null;
  await savePool(sql, { ...moveAllocation(pool, "settle", now), resizeDeadline: null, resizeErrors }, "service");
}

async function readPoolNodes(sql: Sql, poolPk: number): Promise<PoolNode[]> {
  const managers = new Set(await readNodesOfManagers(sql, poolPk));
  return (await readNodesOfPool(sql, poolPk)).map((node) => ({ ...node, runsManager: managers.has(node.pk) }));
}

/** Lets the nodes leave that the pool has beyond its targets, so that no task that is added from now on starts there. */
export async function leaveSurplus(sql: Sql, poolPk: number, now: Date): Promise<void> {
  const pool = await lockPoolByPk(sql, poolPk);
  if (pool) await shrinkPool(sql, pool, surplusNodes(pool, await readPoolNodes(sql, poolPk)), now);
}

async function keepNodes(sql: Sql, nodes: readonly Node[], now: Date): Promise<void> {
  if (nodes.length === 0) return;
  await stayInPool(
    sql,
    nodes.map(({ pk }) => pk),
    now,
  );
  await notify(sql, "schedule");
}

/** What it has had stays known for its account. */
async function forgetPool(sql: Sql, pk: number): Promise<void> {
  await keepPoolLoad(sql, pk);
  await deletePool(sql, pk);
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
export async function shrinkPool(sql: Sql, pool: Pool, nodes: readonly Node[], now: Date): Promise<void> {
  if (nodes.length === 0) return;
  const pks = nodes.map(({ pk }) => pk);
  const option = pool.nodeDeallocationOption;
  await endTasksOfLeavingNodes(sql, pks, option, now);
  await leavePool(sql, pks, { retainsData: option === "retaineddata" }, now);
  // What was placed while the first tasks were being ended; from here on the nodes take none.
  await endTasksOfLeavingNodes(sql, pks, option, now);
}

async function endTasksOfLeavingNodes(sql: Sql, nodePks: readonly number[], option: string, now: Date): Promise<void> {
  if (option !== "requeue" && option !== "terminate") return;
  const tasks = await lockTasksOnNodes(sql, nodePks);
  const message = "The task was ended because its compute node left the pool";
  const decide = (task: Task) =>
    option === "requeue" ? afterDisable(task, now) : afterTermination(task, message, now);
  await takeFromNodes(sql, tasks, decide, now);
}

/** Works out until when leaving nodes must keep the files of their tasks, once the last of these has ended. */
export async function settleRetention(sql: Sql, nodes: readonly Pick<Node, "pk">[], now: Date): Promise<void> {
  for (const { pk } of nodes) await saveRetainedUntil(sql, pk, retainedUntil(await readRetentions(sql, pk), now));
}

/** Deletes nodes that are gone; jobs wait for them no longer. */
export async function forgetNodes(database: Database, pks: readonly number[], now: Date): Promise<void> {
  if (pks.length === 0) return;
  await transaction(database, async (sql) => {
    await lockNodesToDelete(sql, pks);
    await interruptPreparations(sql, pks, "removed", now);
    await deleteNodes(sql, pks, now);
  });
}
