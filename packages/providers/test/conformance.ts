import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Provider } from "../src/provider.ts";

export interface ProviderUnderTest {
  /** Makes a provider; each call within a test uses the same place, as a service does after a restart. */
  make(): Promise<Provider>;
  /** Makes a node's agent die, as it might by itself, and waits until it is gone. */
  killAgent(nodeId: string): Promise<void>;
  /** Ends and deletes everything. */
  clean(): Promise<void>;
}

/** What every provider must do. `setUp` is called for each test. */
export function providerConformance(name: string, setUp: () => Promise<ProviderUnderTest>): void {
  describe(`${name} as a provider`, () => {
    let place: ProviderUnderTest;
    let provider: Provider;
    const aNode = (nodeId: string) => ({ nodeId, token: `token-of-${nodeId}` });
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

    test("has no nodes at first", async () => {
      expect(await provider.list()).toEqual([]);
    });

    test("starts what it is asked for and says so for each", async () => {
      expect(await provider.create([aNode("a"), aNode("b")])).toEqual([
        { kind: "started", nodeId: "a" },
        { kind: "started", nodeId: "b" },
      ]);
      expect(await listed()).toEqual(["a running", "b running"]);
    });

    test("starts a node once however often and at the same time it is asked", async () => {
      await Promise.all([provider.create([aNode("a")]), provider.create([aNode("a"), aNode("b")])]);
      expect(await provider.create([aNode("a")])).toEqual([{ kind: "started", nodeId: "a" }]);
      expect(await listed()).toEqual(["a running", "b running"]);
    });

    test("reports a node whose agent died, and starts it again", async () => {
      await provider.create([aNode("a")]);
      await place.killAgent("a");
      expect(await listed()).toEqual(["a ended"]);
      await provider.create([aNode("a")]);
      expect(await listed()).toEqual(["a running"]);
    });

    test("halts nodes, whether they run, ended or never were, and starts them again", async () => {
      await provider.create([aNode("a"), aNode("b"), aNode("c")]);
      await place.killAgent("b");
      await provider.halt(["a", "b", "never"]);
      expect(await listed()).toEqual(["a ended", "b ended", "c running"]);
      await provider.create([aNode("a")]);
      expect(await listed()).toEqual(["a running", "b ended", "c running"]);
    });

    test("removes nodes, whether they run, ended or never were", async () => {
      await provider.create([aNode("a"), aNode("b"), aNode("c")]);
      await place.killAgent("b");
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
      await provider.create([aNode("a"), aNode("b")]);
      const next = await place.make();
      expect(await listed(next)).toEqual(["a running", "b running"]);
      await next.remove(["a"]);
      expect(await listed(next)).toEqual(["b running"]);
    });

    test("ends every node when it stops, starts no more, and forgets none", async () => {
      const creating = provider.create([aNode("a"), aNode("b")]);
      await provider.stop();
      await creating;
      expect(await provider.create([aNode("c")])).toMatchObject([{ kind: "failed", nodeId: "c" }]);
      const next = await place.make();
      expect((await listed(next)).filter((node) => node.endsWith("running"))).toEqual([]);
      expect(await next.create([aNode("a")])).toEqual([{ kind: "started", nodeId: "a" }]);
      await next.stop();
    });
  });
}
