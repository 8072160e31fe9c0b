import { randomUUID } from "node:crypto";
import { BatchError, type ComputeNodeRebootOption, type NodeActionName, nodeActions } from "@kyanite/contract";
import { atRest, moveNode, type Node, nextNodeState, type PendingAction } from "../domain/node/node.ts";
import { afterRerun } from "../domain/node/start-task.ts";
import { afterDisable, afterTermination, type Task } from "../domain/task/task.ts";
import { type Database, type Sql, transaction } from "../store/database.ts";
import { lockNodes, nodesToHeal, readNodesReadyToAct, saveNode } from "../store/nodes.ts";
import { notify, notifyOrders } from "../store/notices.ts";
import { readPoolByPk } from "../store/pools.ts";
import { lockExistingNodeWithTasks } from "./existing.ts";
import { settleRetention } from "./pool-nodes.ts";
import { takeFromNodes } from "./task.ts";

type Action = Exclude<PendingAction, "start">;

/** What becomes of running tasks: they are taken away at once, or the node waits for them. */
export type TasksOption = ComputeNodeRebootOption;

/** What shall be done with a node, and when: what becomes of the tasks that run there. */
export interface ActionRequest {
  readonly action: Action;
  readonly option: TasksOption;
}

/** @throws BatchError when the node's state forbids the action */
export function checkNodeAction(action: NodeActionName, node: Node): void {
  const verdict = nodeActions[action][node.state];
  if (verdict !== "allowed")
    throw new BatchError(verdict, { Reason: `${action} is not possible while the compute node is ${node.state}` });
}

/**
 * Restarts, erases or releases a node once its tasks are dealt with. A later request replaces one that still waits.
 * @throws BatchError when the node is gone or its state forbids it
 */
export async function requestAction(
  sql: Sql,
  nodePk: number,
  { action, option }: ActionRequest,
  now: Date,
): Promise<void> {
  const { node, tasks } = await lockExistingNodeWithTasks(sql, nodePk);
  checkNodeAction(action, node);
  if (option === "taskcompletion" || option === "retaineddata") {
    const retainsData = option === "retaineddata";
    await saveNode(sql, { ...node, pendingAction: action, retainsData, retainedUntil: null });
    return notify(sql, "nodes");
  }
  await endTasks(sql, tasks, option, now);
  await beginAction(sql, { ...node, runningTasks: 0 }, action, now);
}

function endTasks(sql: Sql, tasks: readonly Task[], option: "requeue" | "terminate", now: Date): Promise<void> {
  const message = "The task was ended because its compute node was taken from it";
  const decide = (task: Task) =>
    option === "requeue" ? afterDisable(task, now) : afterTermination(task, message, now);
  return takeFromNodes(sql, tasks, decide, now);
}

const events = { reboot: "reboot", reimage: "reimage", deallocate: "deallocate" } as const;

async function beginAction(sql: Sql, node: Node, action: Action, now: Date): Promise<void> {
  await saveNode(sql, {
    ...moveNode(node, events[action], now),
    schedulingState: action === "deallocate" ? "disabled" : node.schedulingState,
    pendingAction: null,
    retainsData: false,
    retainedUntil: null,
    restartId: action === "deallocate" ? null : randomUUID(),
    startRunId: null,
    packageRunId: null,
  });
  await notifyOrders(sql, [node.pk]);
  await notify(sql, "nodes");
}

/** Starts a node that was released. */
export async function startNode(sql: Sql, nodePk: number, now: Date): Promise<void> {
  const { node } = await lockExistingNodeWithTasks(sql, nodePk);
  checkNodeAction("start", node);
  await saveNode(sql, { ...moveNode(node, "start", now), pendingAction: "start", lastSeen: null });
  await notify(sql, "pools");
}

/**
 * Runs the start task again, as the pool has it now, on a node without tasks.
 * @throws BatchError when the node's state forbids it, it is about to do something else, or there is no start task
 */
export async function rerunStartTask(sql: Sql, nodePk: number, now: Date): Promise<void> {
  const { node } = await lockExistingNodeWithTasks(sql, nodePk);
  checkNodeAction("rerunStartTask", node);
  const refuse = (reason: string) => new BatchError("OperationNotValidOnNode", { Reason: reason });
  if (node.pendingAction !== null) throw refuse(`The compute node is about to ${node.pendingAction}`);
  if (node.startRunId !== null) throw refuse("The start task is running already");
  const startTask = (await readPoolByPk(sql, node.poolPk))?.spec.startTask;
  if (!startTask) throw refuse("The pool has no start task");
  await saveNode(sql, afterRerun(node, startTask, randomUUID(), now));
  await notifyOrders(sql, [node.pk]);
}

/** Closes a node to tasks; it is `offline` when it has none left. */
export async function disableScheduling(
  sql: Sql,
  nodePk: number,
  option: "requeue" | "terminate" | "taskcompletion",
  now: Date,
): Promise<void> {
  const { node, tasks } = await lockExistingNodeWithTasks(sql, nodePk);
  checkNodeAction("disableScheduling", node);
  if (node.schedulingState === "disabled") throw new BatchError("NodeAlreadyInTargetSchedulingState");
  const closed: Node = { ...node, schedulingState: "disabled" };
  await saveNode(sql, node.runningTasks === 0 ? atRest(closed, now) : closed);
  if (option !== "taskcompletion") await endTasks(sql, tasks, option, now);
}

/** Opens a node to tasks again. */
export async function enableScheduling(sql: Sql, nodePk: number, now: Date): Promise<void> {
  const { node } = await lockExistingNodeWithTasks(sql, nodePk);
  checkNodeAction("enableScheduling", node);
  if (node.schedulingState === "enabled") throw new BatchError("NodeAlreadyInTargetSchedulingState");
  const open: Node = { ...node, schedulingState: "enabled" };
  await saveNode(sql, nextNodeState(node.state, "open") === undefined ? open : moveNode(open, "open", now));
  await notify(sql, "schedule");
}

/** Lets nodes act that have waited for their tasks, and for the time until which the tasks' files are kept. */
export async function actOnNodes(database: Database, now: Date): Promise<void> {
  const ready = await readNodesReadyToAct(database);
  const retaining = ready.filter(({ retainsData, retainedUntil }) => retainsData && retainedUntil === null);
  await settleRetention(database, retaining, now);
  for (const { pk } of ready)
    await transaction(database, async (sql) => {
      const [node] = await lockNodes(sql, [pk]);
      const action = node?.pendingAction;
      if (!node || !action || action === "start" || node.runningTasks > 0 || isRetaining(node, now)) return;
      const isPossible = nextNodeState(node.state, events[action]) !== undefined;
      // A node that has failed meanwhile, or is leaving, has something else to do.
      await (isPossible ? beginAction(sql, node, action, now) : saveNode(sql, { ...node, pendingAction: null }));
    });
}

function isRetaining({ retainsData, retainedUntil }: Node, now: Date): boolean {
  return retainsData && (retainedUntil === null || retainedUntil > now);
}

/** Has nodes restarted that have been out of reach since an instant and cannot come back by themselves. */
export async function healNodes(database: Database, since: Date, now: Date): Promise<Node[]> {
  const lost = await nodesToHeal(database, since);
  for (const { pk } of lost)
    await transaction(database, async (sql) => {
      const [node] = await lockNodes(sql, [pk]);
      if (!node || node.stateTransitionTime >= since) return;
      const restarting = node.state === "unknown" ? moveNode(node, "reboot", now) : node;
      await saveNode(sql, { ...restarting, stateTransitionTime: now, restartId: null });
      await notify(sql, "nodes");
    });
  return lost;
}
