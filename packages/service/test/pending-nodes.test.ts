import { once } from "node:events";
import {
  aPool,
  queueingProvider,
  type RawClient,
  type RunningService,
  rawClient,
  runningService,
  until,
} from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scriptedAgent } from "./scripted-agent.ts";

const poolOf = async (call: RawClient, id: string) => Object((await call("GET", `/pools/${id}`)).json);
const statesOf = async (call: RawClient, id: string): Promise<string[]> =>
  Object((await call("GET", `/pools/${id}/nodes`)).json).value.map(({ state }: { state: string }) => state);

describe("nodes that wait at their provider", () => {
  const queue = queueingProvider();
  const waiting = (poolId: string) => queue.requests().filter(({ spec }) => spec.poolId === poolId);
  const whenAsked = (poolId: string, count: number) =>
    until(
      async () => waiting(poolId),
      ({ length }) => length === count,
    );
  let service: RunningService;
  let call: RawClient;
  beforeAll(async () => {
    service = await runningService({ provider: queue.provider() });
    call = rawClient(service);
  });
  afterAll(() => service[Symbol.asyncDispose]());

  test("are asked for with all that a provider can go by", async () => {
    const metadata = [
      { name: "partition", value: "long" },
      { name: "project", value: "x" },
    ];
    await call("POST", "/pools", { body: aPool("Described", { targetLowPriorityNodes: 1, metadata }) });
    const specs = (await whenAsked("Described", 2)).map(({ spec }) => spec);
    const common = {
      vmSize: "standard_d2s_v3",
      cores: 2,
      memoryBytes: 8 * 2 ** 30,
      accountName: service.account.name,
      poolId: "Described",
      poolMetadata: { partition: "long", project: "x" },
    };
    expect(specs).toContainEqual({ ...common, kind: "dedicated" });
    expect(specs).toContainEqual({ ...common, kind: "lowPriority" });
    await call("DELETE", "/pools/Described");
  });

  test("are shown as creating and their pool as resizing, until they have come", async () => {
    await call("POST", "/pools", { body: aPool("waits", { targetDedicatedNodes: 2 }) });
    const [one, two] = await whenAsked("waits", 2);
    if (!one || !two) throw new Error("no nodes were asked for");
    queue.admit(one.nodeId);
    const agents = [await scriptedAgent(service.url, one)];
    await until(
      () => statesOf(call, "waits"),
      (states) => states.includes("idle"),
    );
    expect((await statesOf(call, "waits")).sort()).toEqual(["creating", "idle"]);
    expect(await poolOf(call, "waits")).toMatchObject({ allocationState: "resizing", currentDedicatedNodes: 2 });
    queue.admit(two.nodeId);
    agents.push(await scriptedAgent(service.url, two));
    const pool = await until(
      () => poolOf(call, "waits"),
      ({ allocationState }) => allocationState === "steady",
    );
    expect(pool).not.toHaveProperty("resizeErrors");
    expect(await statesOf(call, "waits")).toEqual(["idle", "idle"]);
    for (const agent of agents) agent.close();
  });

  test("are asked for three times when they do not come, and then the resize ends with the reason", async () => {
    await call("POST", "/pools", { body: aPool("refused") });
    const [node] = await whenAsked("refused", 1);
    const pool = await until(
      async () => {
        queue.refuse(node?.nodeId ?? "", "the partition is down");
        return poolOf(call, "refused");
      },
      ({ allocationState }) => allocationState === "steady",
    );
    expect(pool.resizeErrors).toMatchObject([{ code: "AllocationFailed" }]);
    expect(JSON.stringify(pool.resizeErrors)).toContain("the partition is down");
    await whenAsked("refused", 0);
    expect(await statesOf(call, "refused")).toEqual([]);
  });

  test("are not waited for by who wants them no longer", async () => {
    await call("POST", "/pools", { body: aPool("stopped") });
    await whenAsked("stopped", 1);
    await call("POST", "/pools/stopped/stopresize");
    await whenAsked("stopped", 0);
    const pool = await until(
      () => poolOf(call, "stopped"),
      ({ allocationState }) => allocationState === "steady",
    );
    expect(pool.resizeErrors).toMatchObject([{ code: "ResizeStopped" }]);
  });
});

test("a provider that takes long to answer, or cannot, holds up nothing else", async () => {
  const queue = queueingProvider({ isOpen: true });
  const open = queue.provider();
  const answering = new AbortController();
  await using service = await runningService({
    provider: {
      ...open,
      create: async (nodes) => {
        const poolIds = nodes.map(({ spec }) => spec.poolId);
        if (poolIds.includes("slow")) await once(answering.signal, "abort");
        if (poolIds.includes("broken")) throw new Error("nobody answers");
        return open.create(nodes);
      },
    },
  });
  const call = rawClient(service);
  const askedFor = (poolId: string) =>
    until(
      async () => queue.requests().find(({ spec }) => spec.poolId === poolId),
      (request) => request !== undefined,
    );
  await call("POST", "/pools", { body: aPool("slow") });
  await until(
    () => statesOf(call, "slow"),
    ({ length }) => length === 1,
  );
  await call("POST", "/pools", { body: aPool("broken") });
  const broken = await until(
    () => poolOf(call, "broken"),
    ({ allocationState }) => allocationState === "steady",
  );
  expect(JSON.stringify(broken.resizeErrors)).toContain("nobody answers");
  await call("POST", "/pools", { body: aPool("quick") });
  await askedFor("quick");
  await call("DELETE", "/pools/quick");
  await until(
    () => call("GET", "/pools/quick"),
    ({ status }) => status === 404,
  );
  expect(queue.requests()).toEqual([]);
  answering.abort();
  await askedFor("slow");
});
