import { systemClock, waitUntil } from "@kyanite/runtime";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { NodeRequest, Provider } from "../src/provider.ts";

/** A node as a service asks for it. */
export const aNode = (nodeId: string, more: Partial<NodeRequest> = {}): NodeRequest => ({
  nodeId,
  token: `token-of-${nodeId}`,
  spec: {
    vmSize: "standard_d2s_v3",
    cores: 2,
    memoryBytes: 8 * 2 ** 30,
    kind: "dedicated",
    accountName: "account",
    poolId: "pool",
    poolMetadata: {},
  },
  ...more,
});

export interface ProviderUnderTest {
  /** Makes a provider; each call within a test uses the same place, as a service does after a restart. */
  make(): Promise<Provider>;
  /** Makes a node end, as it might by itself, and waits until it has. */
  endNode(nodeId: string): Promise<void>;
  /** Ends and deletes everything. */
  clean(): Promise<void>;
}

/** A place where nodes wait, until a test decides about them. */
export interface QueueUnderTest extends Omit<ProviderUnderTest, "endNode"> {
  admit(nodeId: string): Promise<void>;
  refuse(nodeId: string, reason: string): Promise<void>;
}

/** What a provider must do besides whose nodes may be pending. `setUp` is called for each test. */
export function queueConformance(name: string, setUp: () => Promise<QueueUnderTest>): void {
  describe(`${name} as a provider of nodes that wait`, () => {
    let place: QueueUnderTest;
    let provider: Provider;
    const listed = async (from = provider) =>
      (await from.list()).map(({ nodeId, state }) => `${nodeId} ${state}`).sort();

    beforeEach(async () => {
      place = await setUp();
      provider = await place.make();
    });
    afterEach(async () => {
      await provider.stop();
      await place.clean();
    });

    test("says that a node waits and why, until it runs", async () => {
      const [outcome] = await provider.create([aNode("a")]);
      expect(outcome).toMatchObject({ kind: "pending", nodeId: "a", reason: expect.stringMatching(/./) });
      expect(await provider.list()).toEqual([{ nodeId: "a", state: "pending", reason: expect.stringMatching(/./) }]);
      await place.admit("a");
      expect(await listed()).toEqual(["a running"]);
    });

    test("leaves a node alone that waits, when it is asked for again", async () => {
      await provider.create([aNode("a")]);
      expect(await provider.create([aNode("a")])).toMatchObject([{ kind: "pending" }]);
      await place.admit("a");
      expect(await listed()).toEqual(["a running"]);
      expect(await provider.create([aNode("a")])).toMatchObject([{ kind: "started" }]);
    });

    test("says why a node will not come, until it is asked for again", async () => {
      await provider.create([aNode("a"), aNode("b")]);
      await place.refuse("a", "no such size");
      expect(await provider.list()).toContainEqual({ nodeId: "a", state: "failed", reason: "no such size" });
      expect(await listed()).toEqual(["a failed", "b pending"]);
      expect(await provider.create([aNode("a")])).toMatchObject([{ kind: "pending" }]);
      expect(await listed()).toEqual(["a pending", "b pending"]);
    });

    test("removes and halts nodes that wait, or will not come", async () => {
      await provider.create([aNode("a"), aNode("b"), aNode("c")]);
      await place.refuse("b", "no such size");
      await provider.remove(["a", "b"]);
      await provider.halt(["c"]);
      expect(await listed()).toEqual(["c ended"]);
    });

    test("finds nodes that wait after a restart", async () => {
      await provider.create([aNode("a")]);
      const next = await place.make();
      expect(await listed(next)).toEqual(["a pending"]);
      await place.admit("a");
      expect(await listed(next)).toEqual(["a running"]);
      await next.stop();
    });
  });
}

/** What every provider must do. `setUp` is called for each test. */
export function providerConformance(name: string, setUp: () => Promise<ProviderUnderTest>): void {
  describe(`${name} as a provider`, () => {
    let place: ProviderUnderTest;
    let provider: Provider;
    const listed = async (from = provider) =>
      (await from.list()).map(({ nodeId, state }) => `${nodeId} ${state}`).sort();
    /** Asks for nodes, and waits until those that are pending run. */
    const bring = async (nodeIds: readonly string[], from = provider) => {
      const outcomes = await from.create(nodeIds.map((nodeId) => aNode(nodeId)));
      expect(outcomes.map(({ nodeId }) => nodeId)).toEqual(nodeIds);
      for (const outcome of outcomes) expect(["started", "pending"], JSON.stringify(outcome)).toContain(outcome.kind);
      await waitUntil(async () => !(await listed(from)).some((node) => node.endsWith("pending")), {
        clock: systemClock,
        timeoutMilliseconds: 20_000,
      });
    };

    beforeEach(async () => {
      place = await setUp();
      provider = await place.make();
    });
    afterEach(async () => {
      await provider.stop();
      await place.clean();
    });

    test("has no nodes at first", async () => {
      expect(await provider.list()).toEqual([]);
    });

    test("starts what it is asked for and says so for each", async () => {
      await bring(["a", "b"]);
      expect(await listed()).toEqual(["a running", "b running"]);
    });

    test("starts a node once however often and at the same time it is asked", async () => {
      await Promise.all([bring(["a"]), bring(["a", "b"])]);
      await bring(["a"]);
      expect(await listed()).toEqual(["a running", "b running"]);
    });

    test("reports a node that has ended by itself, and starts it again", async () => {
      await bring(["a"]);
      await place.endNode("a");
      expect(await listed()).toEqual(["a ended"]);
      await bring(["a"]);
      expect(await listed()).toEqual(["a running"]);
    });

    test("halts nodes, whether they run, ended or never were, and starts them again", async () => {
      await bring(["a", "b", "c"]);
      await place.endNode("b");
      await provider.halt(["a", "b", "never"]);
      expect(await listed()).toEqual(["a ended", "b ended", "c running"]);
      await bring(["a"]);
      expect(await listed()).toEqual(["a running", "b ended", "c running"]);
    });

    test("removes nodes, whether they run, ended or never were", async () => {
      await bring(["a", "b", "c"]);
      await place.endNode("b");
      await provider.remove(["a", "b", "never"]);
      expect(await listed()).toEqual(["c running"]);
      await provider.remove(["a"]);
      expect(await listed()).toEqual(["c running"]);
    });

    test("takes a node away that is still being created", async () => {
      await Promise.all([provider.create([aNode("a")]), provider.remove(["a"])]);
      expect(await listed()).toEqual([]);
    });

    test("finds its nodes again after a restart, and can remove them", async () => {
      await bring(["a", "b"]);
      const next = await place.make();
      expect(await listed(next)).toEqual(["a running", "b running"]);
      await next.remove(["a"]);
      expect(await listed(next)).toEqual(["b running"]);
      await next.stop();
    });

    test("ends every node when it stops, starts no more, and forgets none", async () => {
      const creating = provider.create([aNode("a"), aNode("b")]);
      await provider.stop();
      await creating;
      expect(await provider.create([aNode("c")])).toMatchObject([{ kind: "failed", nodeId: "c" }]);
      const next = await place.make();
      expect((await listed(next)).filter((node) => node.endsWith("running"))).toEqual([]);
      await bring(["a"], next);
      await next.stop();
    });
  });
}
