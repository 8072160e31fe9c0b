import type { Account } from "../src/domain/account/account.ts";
import type { Node } from "../src/domain/node/node.ts";
import type { Pool } from "../src/domain/pool/pool.ts";
import { ensureAccount } from "../src/store/accounts.ts";
import type { Sql } from "../src/store/database.ts";

const now = new Date("2026-01-01T00:00:00Z");
const later = new Date("2026-01-01T01:00:00Z");

/** A pool of two-core nodes in the midst of a resize. */
export const aPool = (pool: Partial<Pool> = {}): Pool => ({
  pk: 1,
  accountPk: 1,
  key: "p",
  id: "p",
  etag: "0x8",
  lastModified: now,
  creationTime: now,
  state: "active",
  stateTransitionTime: now,
  allocationState: "resizing",
  allocationStateTransitionTime: now,
  vmSize: "standard_d2s_v3",
  cores: 2,
  enableAutoScale: false,
  enableInterNodeCommunication: false,
  targetDedicatedNodes: 0,
  targetLowPriorityNodes: 0,
  taskSlotsPerNode: 1,
  resizeDeadline: later,
  resizeTimeoutSeconds: 900,
  nodeDeallocationOption: "requeue",
  resizeErrors: null,
  spec: { id: "p", vmSize: "standard_d2s_v3" },
  ...pool,
});

/** An idle node of that pool. */
export const aNode = (node: Partial<Node> = {}): Node => ({
  pk: 1,
  hostId: null,
  poolPk: 1,
  id: "n",
  state: "idle",
  stateTransitionTime: now,
  schedulingState: "enabled",
  isDedicated: true,
  allocationTime: now,
  lastBootTime: now,
  lastSeen: now,
  ipAddress: null,
  agentVersion: null,
  slots: 1,
  usedSlots: 0,
  runningTasks: 0,
  totalTasksRun: 0,
  totalTasksSucceeded: 0,
  startTask: null,
  startRunId: null,
  startTaskInfo: null,
  errors: null,
  startFailures: 0,
  startFailure: null,
  pendingReason: null,
  retainsData: false,
  retainedUntil: null,
  pendingAction: null,
  restartId: null,
  setupId: null,
  packages: [],
  packageRunId: null,
  recentTasks: [],
  managesUsers: false,
  ...node,
});

/** The account that everything in a database of a test's own belongs to. */
export async function addAccount(sql: Sql): Promise<Account> {
  const first = { name: "test", newKeys: ["a2V5", "a2V5"], givenKey: undefined, storageAccount: null } as const;
  const account = await ensureAccount(sql, first, now);
  if (!account) throw new Error("no account");
  return account;
}
