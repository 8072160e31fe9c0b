import { randomUUID } from "node:crypto";
import type { AgentReport, Failure } from "@kyanite/contract";
import { packageDirectory } from "../domain/account/application.ts";
import type { NodeInterruption } from "../domain/job/preparation.ts";
import { afterBoot, afterRecovery, afterReturn, afterSetUp, isRestarted } from "../domain/node/boot.ts";
import { connectedStates, moveNode, type Node, nextNodeState } from "../domain/node/node.ts";
import type { Pool } from "../domain/pool/pool.ts";
import { accountsOf } from "../domain/pool/user-accounts.ts";
import { afterNodeLoss, type Task } from "../domain/task/task.ts";
import { resolvePackages } from "../store/applications.ts";
import { type Database, type Sql, transaction } from "../store/database.ts";
import { deleteNodeUsers, readNodeUsers } from "../store/node-users.ts";
import { insertDirectoryRemovals, lockNodes, nodesSilentSince, saveNode } from "../store/nodes.ts";
import { notify, notifyOrders } from "../store/notices.ts";
import { readPoolByPk } from "../store/pools.ts";
import { lockNodeWithTasks } from "./existing.ts";
import { interruptPreparations } from "./preparation.ts";
import { takeFromNodes } from "./task.ts";

export type Hello = Extract<AgentReport, { type: "hello" }>;

/** What a node says of itself, and the host from which it comes. */
export type HelloFrom = Omit<Hello, "type" | "token" | "provider" | "labels"> & { readonly hostId: string | null };

/**
 * A node's agent has connected. After a boot the node begins anew: what it ran is lost and goes back to the queue, and
 * the start task runs. After a mere reconnection everything goes on.
 */
export async function welcomeNode(sql: Sql, nodePk: number, hello: HelloFrom, now: Date): Promise<void> {
  const locked = await lockNodeWithTasks(sql, nodePk);
  if (!locked) return;
  const { node, tasks } = locked;
  const bootTime = new Date(hello.bootTime);
  const met = {
    ...node,
    lastSeen: now,
    ipAddress: hello.ipAddress,
    hostId: hello.hostId,
    agentVersion: hello.agentVersion,
    managesUsers: hello.managesUsers ?? false,
  };
  if (node.lastBootTime?.getTime() === bootTime.getTime()) return saveNode(sql, afterReturn(met, randomUUID(), now));
  // What had finished before is still to be reported; whatever else ran is lost.
  const isHeld = ({ runId }: Task) => runId !== null && hello.runIds.includes(runId);
  const lost = tasks.filter((task) => !isHeld(task));
  await takeFromNodes(sql, lost, (task) => afterNodeLoss(task, now), now);
  const interruption = interruptionOf(node, hello);
  await interruptPreparations(sql, [nodePk], interruption, now);
  if (interruption === "reimaged") await deleteNodeUsers(sql, nodePk);
  const pool = await readPoolByPk(sql, node.poolPk);
  const booted = { ...met, runningTasks: tasks.length - lost.length, lastBootTime: bootTime };
  if (pool && isRestarted(node, hello.restartId)) await bootNode(sql, booted, pool, now);
  else await saveNode(sql, booted);
  await notify(sql, "schedule");
  await notify(sql, "pools");
}

/** A node's agent has given it what the service asked for, or says why it could not. */
export async function finishSetUp(
  sql: Sql,
  nodePk: number,
  { setupId, failure }: Extract<AgentReport, { type: "setUp" }>,
  now: Date,
): Promise<void> {
  const [node] = await lockNodes(sql, [nodePk]);
  if (node?.setupId !== setupId) return;
  const errors = failure ? [...(node.errors ?? []), failure] : node.errors;
  // A node that is already at work stays in use without it and shows the error.
  const isUseless = failure !== undefined && node.state === "starting";
  await saveNode(
    sql,
    isUseless
      ? moveNode({ ...node, errors, setupId: null }, "fail", now)
      : afterSetUp({ ...node, errors }, randomUUID(), now),
  );
  await notifyOrders(sql, [nodePk]);
  await notify(sql, "schedule");
}

/** A machine that was made anew or erased has never seen a job; one that was merely restarted has kept its files. */
function interruptionOf(node: Node, hello: HelloFrom): NodeInterruption {
  const isErased = node.state === "reimaging" && isRestarted(node, hello.restartId);
  return isErased || node.state === "creating" ? "reimaged" : "rebooted";
}

/** References without a version are resolved here, and stay so until the next boot. */
async function bootNode(sql: Sql, node: Node, { accountPk, spec }: Pool, now: Date): Promise<void> {
  const packages = await resolvePackages(sql, accountPk, spec.applicationPackageReferences ?? []);
  const startTask = spec.startTask ?? null;
  const needsAccounts = accountsOf(spec, await readNodeUsers(sql, node.pk)).length > 0;
  const needsMounts = (spec.mountConfiguration ?? []).length > 0;
  const needsImages = spec.virtualMachineConfiguration?.containerConfiguration !== undefined;
  const setupId = needsAccounts || needsMounts || needsImages ? randomUUID() : null;
  const ids = { setupId, startRunId: randomUUID(), packageRunId: randomUUID() };
  const next = afterBoot(node, { ...ids, startTask, packages }, now);
  await saveNode(sql, next);
  const dropped = node.packages.filter((old) => !next.packages.some(({ contentId }) => contentId === old.contentId));
  for (const each of dropped) await insertDirectoryRemovals(sql, [node.id], packageDirectory(each));
}

/** Gives up nodes that have been silent since an instant: their tasks go back to the queue, and no retry is spent. */
export async function loseSilentNodes(database: Database, since: Date, now: Date): Promise<Node[]> {
  const silent = await nodesSilentSince(database, since);
  for (const { pk } of silent) await transaction(database, (sql) => loseNode(sql, pk, since, now));
  return silent;
}

async function loseNode(sql: Sql, nodePk: number, since: Date, now: Date): Promise<void> {
  const locked = await lockNodeWithTasks(sql, nodePk);
  if (!locked || locked.node.lastSeen === null || locked.node.lastSeen >= since) return;
  if (nextNodeState(locked.node.state, "silent") === undefined) return;
  await takeFromNodes(sql, locked.tasks, (task) => afterNodeLoss(task, now), now);
  await interruptPreparations(sql, [nodePk], "lost", now);
  await saveNode(sql, moveNode(locked.node, "silent", now));
  // If its link is still open, the agent has to connect again before the node is used.
  await notifyOrders(sql, [nodePk]);
}

/**
 * A node's agent has found something wrong with the node itself: it gets no more tasks until that is over, or it is
 * restarted. Those it runs go on, as far as they can.
 */
export async function failNode(sql: Sql, nodePk: number, failure: Failure, now: Date): Promise<void> {
  const [node] = await lockNodes(sql, [nodePk]);
  if (!node || (node.state !== "unusable" && !connectedStates.includes(node.state))) return;
  if (node.errors?.some(({ code }) => code === failure.code)) return;
  await saveNode(sql, moveNode({ ...node, errors: [...(node.errors ?? []), failure] }, "fail", now));
}

/**
 * What a node's agent has found wrong with the node is over: without anything else that is wrong it is used again.
 * @returns whether there was such an error
 */
export async function recoverNode(sql: Sql, nodePk: number, code: string, now: Date): Promise<boolean> {
  const [node] = await lockNodes(sql, [nodePk]);
  if (!node?.errors?.some((error) => error.code === code)) return false;
  await saveNode(sql, afterRecovery(node, code, randomUUID(), now));
  await notify(sql, "schedule");
  await notify(sql, "pools");
  await notifyOrders(sql, [nodePk]);
  return true;
}
