import { BatchError } from "@kyanite/contract";
import { moveNode, nextNodeState } from "../domain/node/node.ts";
import { afterNodeLoss } from "../domain/task/task.ts";
import type { Sql } from "../store/database.ts";
import { saveNode } from "../store/nodes.ts";
import { notify, notifyOrders } from "../store/notices.ts";
import { lockExistingNodeWithTasks } from "./existing.ts";
import { interruptPreparations } from "./preparation.ts";
import { takeFromNodes } from "./task.ts";

/**
 * Takes a low-priority node away: its tasks go back to the queue without spending a retry, its data is lost, and it
 * keeps its place and id until the service makes it again.
 * @throws BatchError when it is dedicated, or has nothing that could be taken away
 */
export async function preemptNode(sql: Sql, nodePk: number, now: Date): Promise<void> {
  const { node, tasks } = await lockExistingNodeWithTasks(sql, nodePk);
  const refuse = (reason: string) => new BatchError("OperationNotValidOnNode", { Reason: reason });
  if (node.isDedicated) throw refuse("Only low-priority nodes can be preempted");
  if (nextNodeState(node.state, "preempt") === undefined)
    throw refuse(`preempt is not possible while the compute node is ${node.state}`);
  await takeFromNodes(sql, tasks, (task) => afterNodeLoss(task, now), now);
  await interruptPreparations(sql, [nodePk], "reimaged", now);
  await saveNode(sql, { ...moveNode(node, "preempt", now), runningTasks: 0, startRunId: null, pendingAction: null });
  await notifyOrders(sql, [nodePk]);
  await notify(sql, "pools");
}
