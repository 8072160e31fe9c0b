import { randomUUID } from "node:crypto";
import type { AgentReport } from "@kyanite/contract";
import { type Node, nextNodeState } from "../domain/node.ts";
import type { Pool } from "../domain/pool.ts";
import { afterNodeLoss } from "../domain/task.ts";
import { isoTime } from "../domain/time.ts";
import { type Database, type Sql, transaction } from "../store/database.ts";
import { lockNodes, nodesSilentSince, saveNode } from "../store/nodes.ts";
import { notify } from "../store/notices.ts";
import { readPoolByPk } from "../store/pools.ts";
import { lockTasksOnNodes } from "../store/tasks.ts";
import { takeFromNodes } from "./task.ts";

export type Hello = Extract<AgentReport, { type: "hello" }>;

/**
 * A node's agent has connected. After a boot the node begins anew: what it ran is lost and goes back to the queue, and
 * the start task runs. After a mere reconnection everything goes on.
 */
export async function welcomeNode(sql: Sql, nodePk: number, hello: Hello, now: Date): Promise<void> {
  const tasks = await lockTasksOnNodes(sql, [nodePk]);
  const [node] = await lockNodes(sql, [nodePk]);
  if (!node) return;
  const bootTime = new Date(hello.bootTime);
  const met = { ...node, lastSeen: now, ipAddress: hello.ipAddress, agentVersion: hello.agentVersion };
  if (node.lastBootTime?.getTime() === bootTime.getTime()) return saveNode(sql, returned(met, now));
  await takeFromNodes(sql, tasks, (task) => afterNodeLoss(task, now), now);
  const pool = await readPoolByPk(sql, node.poolPk);
  if (pool) await saveNode(sql, booted({ ...met, lastBootTime: bootTime }, pool, randomUUID(), now));
  await notify(sql, "schedule");
  await notify(sql, "pools");
}

/** A node that was given up and is heard of again may be used again. */
function returned(node: Node, now: Date): Node {
  const state = nextNodeState(node.state, "return");
  return state === undefined ? node : { ...node, state, stateTransitionTime: now };
}

function booted(node: Node, pool: Pool, startRunId: string, now: Date): Node {
  if (nextNodeState(node.state, "boot") === undefined) return node;
  const startTask = pool.spec.startTask ?? null;
  const common = { ...node, stateTransitionTime: now, startTask, errors: null };
  if (!startTask) return { ...common, state: "idle", startRunId: null, startTaskInfo: null };
  return {
    ...common,
    state: (startTask.waitForSuccess ?? true) ? "waitingforstarttask" : "idle",
    startRunId,
    startTaskInfo: { state: "running", startTime: isoTime(now), retryCount: 0 },
  };
}

/** Gives up nodes that have been silent since an instant: their tasks go back to the queue, and no retry is spent. */
export async function loseSilentNodes(database: Database, since: Date, now: Date): Promise<Node[]> {
  const silent = await nodesSilentSince(database, since);
  for (const { pk } of silent) await transaction(database, (sql) => loseNode(sql, pk, since, now));
  return silent;
}

async function loseNode(sql: Sql, nodePk: number, since: Date, now: Date): Promise<void> {
  const tasks = await lockTasksOnNodes(sql, [nodePk]);
  const [node] = await lockNodes(sql, [nodePk]);
  if (!node || node.lastSeen === null || node.lastSeen >= since) return;
  const state = nextNodeState(node.state, "silent");
  if (state === undefined) return;
  await takeFromNodes(sql, tasks, (task) => afterNodeLoss(task, now), now);
  await saveNode(sql, { ...node, state, stateTransitionTime: now });
}
