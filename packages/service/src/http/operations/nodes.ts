import type { ComputeNode, ComputeNodeState, NodeCounts, PoolNodeCounts, TaskInformation } from "@kyanite/contract";
import type { Node } from "../../domain/node/node.ts";
import { affinityId } from "../../domain/node/node-id.ts";
import type { Pool } from "../../domain/pool/pool.ts";
import { isoTime } from "../../domain/time.ts";
import { readExistingNode, readExistingPool } from "../../lifecycle/existing.ts";
import { listNodeCounts, listNodes } from "../../store/nodes.ts";
import { type RecentTask, readRecentTasks } from "../../store/tasks.ts";
import type { HandlerContext, OperationHandlers } from "../context.ts";
import { oneMore, pageOf } from "../lists.ts";
import { poolUrl } from "./pools.ts";
import { executionInfo, taskUrl } from "./tasks.ts";

export const nodeHandlers = ({ database }: HandlerContext) =>
  ({
    ComputeNode_Get: async ({ account, params, baseUrl }) => {
      const { pool, node } = await readExistingNode(database, account, params);
      return { body: computeNode(node, pool, await readRecentTasks(database, [node.pk]), baseUrl) };
    },

    ComputeNode_List: async ({ account, params, list, baseUrl }) => {
      const pool = await readExistingPool(database, account, params);
      const nodes = await listNodes(database, pool, oneMore(list));
      const recent = await readRecentTasks(
        database,
        nodes.map(({ pk }) => pk),
      );
      return {
        body: pageOf(
          nodes,
          list.limit,
          ({ id }) => id,
          (node) => computeNode(node, pool, recent, baseUrl),
        ),
      };
    },

    Account_ListPoolNodeCounts: async ({ account, list }) => {
      const pools = await listNodeCounts(database, account, oneMore(list));
      return { body: pageOf(pools, list.limit, ({ poolKey }) => poolKey, poolNodeCounts) };
    },
  }) satisfies OperationHandlers;

function computeNode(node: Node, pool: Pool, recent: readonly RecentTask[], baseUrl: string): ComputeNode {
  const tasks = recent.filter(({ onNodePk }) => onNodePk === node.pk);
  const imageReference = pool.spec.virtualMachineConfiguration?.imageReference;
  return {
    id: node.id,
    url: `${poolUrl(baseUrl, pool.id)}/nodes/${node.id}`,
    state: node.state,
    schedulingState: node.schedulingState,
    stateTransitionTime: isoTime(node.stateTransitionTime),
    ...(node.lastBootTime ? { lastBootTime: isoTime(node.lastBootTime) } : {}),
    allocationTime: isoTime(node.allocationTime),
    ...(node.ipAddress === null ? {} : { ipAddress: node.ipAddress }),
    affinityId: affinityId(node.id),
    vmSize: pool.vmSize,
    totalTasksRun: node.totalTasksRun,
    runningTasksCount: node.runningTasks,
    // Tasks that are there ahead of time have none yet.
    runningTaskSlotsCount: Math.min(node.usedSlots, node.slots),
    totalTasksSucceeded: node.totalTasksSucceeded,
    ...(tasks.length > 0 ? { recentTasks: tasks.map((each) => taskInformation(each, baseUrl)) } : {}),
    ...(node.startTask ? { startTask: node.startTask } : {}),
    ...(node.startTaskInfo ? { startTaskInfo: node.startTaskInfo } : {}),
    ...(node.errors
      ? { errors: node.errors.map(({ code, message, details }) => ({ code, message, errorDetails: details })) }
      : {}),
    certificateReferences: [],
    isDedicated: node.isDedicated,
    ...(node.agentVersion === null || node.lastBootTime === null
      ? {}
      : { nodeAgentInfo: { version: node.agentVersion, lastUpdateTime: isoTime(node.lastBootTime) } }),
    ...(imageReference
      ? {
          virtualMachineInfo: {
            imageReference: { ...imageReference, exactVersion: imageReference.version ?? "latest" },
          },
        }
      : {}),
  };
}

function taskInformation({ jobId, task }: RecentTask, baseUrl: string): TaskInformation {
  return {
    taskUrl: taskUrl(baseUrl, jobId, task.id),
    jobId,
    taskId: task.id,
    taskState: task.state,
    executionInfo: executionInfo(task),
  };
}

/** Wire names of the counts whose node state is spelt differently there. */
const countNames: Readonly<Record<ComputeNodeState, Exclude<keyof NodeCounts, "total">>> = {
  creating: "creating",
  starting: "starting",
  waitingforstarttask: "waitingForStartTask",
  starttaskfailed: "startTaskFailed",
  idle: "idle",
  running: "running",
  rebooting: "rebooting",
  reimaging: "reimaging",
  offline: "offline",
  unusable: "unusable",
  unknown: "unknown",
  leavingpool: "leavingPool",
  preempted: "preempted",
  upgradingos: "upgradingOS",
  deallocating: "deallocating",
  deallocated: "deallocated",
};

const noNodes: NodeCounts = {
  creating: 0,
  idle: 0,
  leavingPool: 0,
  offline: 0,
  preempted: 0,
  rebooting: 0,
  reimaging: 0,
  running: 0,
  starting: 0,
  startTaskFailed: 0,
  unusable: 0,
  unknown: 0,
  upgradingOS: 0,
  deallocated: 0,
  deallocating: 0,
  waitingForStartTask: 0,
  total: 0,
};

function poolNodeCounts({ poolId, counts }: { poolId: string; counts: readonly StateCount[] }): PoolNodeCounts {
  return {
    poolId,
    dedicated: nodeCounts(counts.filter(({ isDedicated }) => isDedicated)),
    lowPriority: nodeCounts(counts.filter(({ isDedicated }) => !isDedicated)),
  };
}

interface StateCount {
  readonly state: ComputeNodeState;
  readonly isDedicated: boolean;
  readonly nodes: number;
}

function nodeCounts(counts: readonly StateCount[]): NodeCounts {
  const named = Object.fromEntries(counts.map(({ state, nodes }) => [countNames[state], nodes]));
  return { ...noNodes, ...named, total: counts.reduce((total, { nodes }) => total + nodes, 0) };
}
