import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BatchServiceClient } from "@azure/batch";
import { isRunning, type ProcessRecord, processesWithVariable, signalProcess } from "@kyanite/runtime";
import { agentOfNode, aPool, batchClient, type RunningService, runningService, until } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test, vi } from "vitest";

vi.setConfig({ testTimeout: 180_000 });

let service: RunningService;
let client: BatchServiceClient;
const patience = 60;

beforeAll(async () => {
  // With the usual patience for silent nodes: however slowly an agent starts, nobody takes its node for lost.
  service = await runningService({ nodesPerHost: 1 });
  client = batchClient(service);
});
afterAll(() => service[Symbol.asyncDispose]());

const sh = (script: string) => `/bin/sh -c '${script}'`;
const waitForGo = "until [ -e $AZ_BATCH_TASK_WORKING_DIR/go ]; do sleep 0.05; done";

async function poolWithNodes(id: string, targetDedicatedNodes: number): Promise<readonly string[]> {
  await client.pool.add(aPool(id, { targetDedicatedNodes, enableInterNodeCommunication: true }));
  await client.job.add({ id, poolInfo: { poolId: id } });
  const nodes = await until(
    () => client.computeNode.list(id),
    (all) => all.length === targetDedicatedNodes && all.every(({ state }) => state === "idle"),
    patience,
  );
  return nodes.map((node) => node.id ?? "");
}

const taskIs = (jobId: string, state: string) =>
  until(
    () => client.task.get(jobId, "t"),
    (task) => task.state === state,
    patience,
  );

/** Whatever runs on behalf of a node's tasks. */
const processesOf = (nodeId: string) =>
  processesWithVariable("AZ_BATCH_NODE_ROOT_DIR", join(service.nodesDirectory, nodeId, "root"));

const workingDirectory = (nodeId: string, jobId: string) =>
  join(service.nodesDirectory, nodeId, `root/workitems/${jobId}/job-1/t/wd`);

async function kill(nodeId: string): Promise<ProcessRecord> {
  const agent = await agentOfNode(service.nodesDirectory, nodeId);
  if (!agent) throw new Error(`${nodeId} has no agent`);
  signalProcess(agent, "SIGKILL");
  return agent;
}

test("a killed agent is started again, and goes on with the task that runs as if nothing had happened", async () => {
  const [node = ""] = await poolWithNodes("alone", 1);
  const before = await client.computeNode.get("alone", node);
  await client.task.add("alone", { id: "t", commandLine: sh(`setsid sleep 600 & ${waitForGo}; exit 7`) });
  const left = await until(
    async () => processesOf(node),
    (processes) => processes.length >= 2,
    patience,
  );
  const killed = await kill(node);
  await until(
    () => agentOfNode(service.nodesDirectory, node),
    (agent) => agent !== undefined && agent.pid !== killed.pid,
    patience,
  );
  // Others of them live for a moment only.
  expect(left.some(isRunning)).toBe(true);
  await writeFile(join(workingDirectory(node, "alone"), "go"), "");
  const { executionInfo } = await taskIs("alone", "completed");
  expect(executionInfo).toMatchObject({ exitCode: 7, retryCount: 0, requeueCount: 0 });
  const after = await until(
    () => client.computeNode.get("alone", node),
    ({ state }) => state === "idle",
    patience,
  );
  expect(after.lastBootTime).toEqual(before.lastBootTime);
  await until(
    async () => processesOf(node),
    (processes) => processes.length === 0,
    patience,
  );
  expect(left.filter(isRunning)).toEqual([]);
});

test("the death of the agents of all instances is nothing to a multi-instance task", async () => {
  const nodes = await poolWithNodes("gang", 3);
  await client.task.add("gang", {
    id: "t",
    commandLine: sh(waitForGo),
    multiInstanceSettings: { numberOfInstances: 3, coordinationCommandLine: "true" },
  });
  const { nodeInfo } = await taskIs("gang", "running");
  const primary = nodeInfo?.nodeId ?? "";
  const working = workingDirectory(primary, "gang");
  await until(
    async () => existsSync(working) && processesOf(primary).length > 0,
    (isThere) => isThere,
    patience,
  );
  await Promise.all(nodes.map(kill));
  await writeFile(join(working, "go"), "");
  const { executionInfo } = await taskIs("gang", "completed");
  expect(executionInfo).toMatchObject({ result: "success", retryCount: 0, requeueCount: 0 });
});
