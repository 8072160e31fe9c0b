import type { Provider } from "@kyanite/providers";
import { signalProcess } from "@kyanite/runtime";
import {
  agentOfNode,
  aPool,
  type RawClient,
  type RunningService,
  rawClient,
  runningService,
  until,
} from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

/** What can be asked of a node, with the API version that has it for nodes of every kind. */
const actions = [
  { name: "reboot", body: {} },
  { name: "reimage", body: {} },
  { name: "deallocate", body: {} },
  { name: "start" },
  { name: "disablescheduling", body: {} },
  { name: "enablescheduling" },
  { name: "users", body: { name: "kytheldup", password: "Long-Pass-1!" } },
] as const;
const version = "2025-06-01";

interface ShownNode {
  readonly id: string;
  readonly state: string;
  readonly isDedicated: boolean;
}

const nodesOf = async (call: RawClient, poolId: string): Promise<ShownNode[]> =>
  Object((await call("GET", `/pools/${poolId}/nodes`)).json).value ?? [];

/** Each action with the status and the code that it is answered with. */
async function answers(call: RawClient, node: string): Promise<object> {
  const answered = await Promise.all(
    actions.map(async ({ name, ...request }) => {
      const { status, json } = await call("POST", `${node}/${name}`, { version, ...request });
      return [name, `${status} ${Object(json).code}`];
    }),
  );
  return Object.fromEntries(answered);
}

const eachIs = (answer: string) => Object.fromEntries(actions.map(({ name }) => [name, answer]));

describe("a node that its provider never brings up", () => {
  const known = new Set<string>();
  const provider: Provider = {
    create: async (nodes) => {
      for (const { nodeId } of nodes) known.add(nodeId);
      return nodes.map(({ nodeId }) => ({ kind: "started", nodeId }));
    },
    remove: async (nodeIds) => {
      for (const nodeId of nodeIds) known.delete(nodeId);
    },
    list: async () => [...known].map((nodeId) => ({ nodeId, state: "running" })),
    stop: async () => {},
    halt: async () => {},
  };
  let service: RunningService;
  let call: RawClient;
  beforeAll(async () => {
    service = await runningService({ provider, settings: { preemptionSeconds: 86_400 } });
    call = rawClient(service);
    await call("POST", "/pools", { body: aPool("pool", { targetLowPriorityNodes: 1 }) });
    await until(
      async () => known.size,
      (size) => size === 2,
    );
  });
  afterAll(() => service[Symbol.asyncDispose]());

  const nodeOfKind = async (isDedicated: boolean) => {
    const node = (await nodesOf(call, "pool")).find((each) => each.isDedicated === isDedicated);
    return `/pools/pool/nodes/${node?.id}`;
  };

  test("answers every action NodeBeingCreated, also when its logs are asked for", async () => {
    const node = await nodeOfKind(true);
    expect((await call("GET", node)).json).toMatchObject({ state: "creating" });
    expect(await answers(call, node)).toEqual(eachIs("409 NodeBeingCreated"));
    const body = { containerUrl: "http://127.0.0.1:9/logs?sig=a", startTime: "2024-01-01T00:00:00Z" };
    expect(await call("POST", `${node}/uploadbatchservicelogs`, { body })).toMatchObject({
      status: 409,
      json: { code: "NodeBeingCreated" },
    });
  });

  test("answers every action NodeStateUnusable once it is preempted", async () => {
    const node = await nodeOfKind(false);
    expect((await call("POST", `${node}/preempt`)).status).toBeLessThan(300);
    expect((await call("GET", node)).json).toMatchObject({ state: "preempted" });
    expect(await answers(call, node)).toEqual(eachIs("409 NodeStateUnusable"));
  });
});

describe("a node whose agent stands still", () => {
  let service: RunningService;
  let call: RawClient;
  beforeAll(async () => {
    service = await runningService({ settings: { nodeSilentSeconds: 3_600, nodeRecoverySeconds: 86_400 } });
    call = rawClient(service);
    await call("POST", "/pools", { body: aPool("pool", { targetDedicatedNodes: 1 }) });
  }, 60_000);
  afterAll(() => service[Symbol.asyncDispose]());

  const idleNode = async () => {
    const [node] = await until(
      () => nodesOf(call, "pool"),
      ([first]) => first?.state === "idle",
      60,
    );
    return node?.id ?? "";
  };

  test.each([
    { action: "reboot", state: "rebooting", code: "NodeBeingRebooted" },
    { action: "reimage", state: "reimaging", code: "NodeBeingReimaged" },
  ])(
    "answers every action $code after $action, and is idle once it goes on",
    async ({ action, state, code }) => {
      const nodeId = await idleNode();
      const node = `/pools/pool/nodes/${nodeId}`;
      const agent = await agentOfNode(service.nodesDirectory, nodeId);
      if (!agent) throw new Error("the node has no agent");
      signalProcess(agent, "SIGSTOP");
      try {
        expect((await call("POST", `${node}/${action}`, { version, body: {} })).status).toBe(202);
        expect((await call("GET", node)).json).toMatchObject({ state });
        expect(await answers(call, node)).toEqual(eachIs(`409 ${code}`));
      } finally {
        signalProcess(agent, "SIGCONT");
      }
      expect(await idleNode()).toBe(nodeId);
    },
    120_000,
  );
});

test("a request that waits longer than its timeout is answered OperationTimedOut, and later ones go on", async () => {
  await using service = await runningService();
  const call = rawClient(service);
  await call("POST", "/pools", { body: aPool("pool", { targetDedicatedNodes: 0 }) });
  await call("POST", "/jobs", { body: { id: "job", poolInfo: { poolId: "pool" } } });
  const patch = (timeout: number, priority: number) =>
    call("PATCH", "/jobs/job", { query: { timeout }, body: { priority } });
  await service.database.begin(async (sql) => {
    await sql`select 1 from job where id = 'job' for update`;
    expect(await patch(1, 1)).toMatchObject({ status: 500, json: { code: "OperationTimedOut" } });
  });
  expect((await patch(30, 2)).status).toBe(200);
  expect((await call("GET", "/jobs/job")).json).toMatchObject({ priority: 2 });
}, 60_000);
