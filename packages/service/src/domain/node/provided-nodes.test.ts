import { describe, expect, test } from "vitest";
import { aNode } from "../../../test/builders.ts";
import { differenceOf, type NodeToProvide } from "./provided-nodes.ts";

const now = new Date("2026-01-01T00:00:00Z");
const later = new Date("2026-01-01T01:00:00Z");

const running = (nodeId: string) => ({ nodeId, state: "running" as const });
const ended = (nodeId: string) => ({ nodeId, state: "ended" as const });
const ids = (nodes: readonly NodeToProvide[]) => nodes.map(({ id }) => id);

describe("the difference between nodes and their provider", () => {
  test("is nothing when every node runs", () => {
    const nothing = { start: [], going: [], remove: [], retaining: [], reasons: [] };
    expect(differenceOf([aNode()], [running("n")], now)).toEqual(nothing);
  });

  test("is a start for a node that is not there or has ended, and a removal for one that is unknown", () => {
    const nodes = [aNode({ id: "a", state: "creating" }), aNode({ id: "b" }), aNode({ id: "c" })];
    const difference = differenceOf(nodes, [ended("b"), running("c"), ended("d")], now);
    expect(ids(difference.start)).toEqual(["a", "b"]);
    expect(difference.remove).toEqual(["d"]);
  });

  test("is nothing for a node that is pending, and a failure and a start for one that will not come", () => {
    const nodes = ["a", "b", "c"].map((id) => aNode({ id, state: id === "c" ? "leavingpool" : "creating" }));
    const failed = ["b", "c"].map((nodeId) => ({ nodeId, state: "failed" as const, reason: "no such size" }));
    const difference = differenceOf(nodes, [{ nodeId: "a", state: "pending", reason: "waits" }, ...failed], now);
    expect(difference.start).toMatchObject([{ id: "b", failure: "no such size" }]);
    expect(difference.remove).toEqual(["c"]);
  });

  test("tells why a node is not there yet when that is news, and when it is over", () => {
    const nodes = [
      aNode({ pk: 1, id: "a", state: "creating" }),
      aNode({ pk: 2, id: "b", state: "creating", pendingReason: "waits" }),
      aNode({ pk: 3, id: "c", pendingReason: "waits" }),
    ];
    const waits = (nodeId: string) => ({ nodeId, state: "pending" as const, reason: "waits" });
    expect(differenceOf(nodes, [waits("a"), waits("b"), running("c")], now).reasons).toEqual([
      { pk: 1, reason: "waits" },
      { pk: 3, reason: null },
    ]);
  });

  test("asks first for the nodes that have failed least often", () => {
    const nodes = [aNode({ id: "a", startFailures: 2 }), aNode({ id: "b" }), aNode({ id: "c", startFailures: 1 })];
    expect(ids(differenceOf(nodes, [], now).start)).toEqual(["b", "c", "a"]);
  });

  test("takes a leaving node away when its last task has ended, and never starts it", () => {
    const busy = aNode({ state: "leavingpool", runningTasks: 1 });
    expect(differenceOf([busy], [running("n")], now)).toMatchObject({ start: [], going: [], remove: [] });
    expect(differenceOf([busy], [], now).start).toEqual([]);
    const done = aNode({ state: "leavingpool" });
    expect(differenceOf([done], [running("n")], now)).toMatchObject({ going: [done], remove: ["n"] });
  });

  test("waits for files that a leaving node has to keep, and first asks for how long", () => {
    const unknown = aNode({ state: "leavingpool", retainsData: true });
    expect(differenceOf([unknown], [running("n")], now)).toMatchObject({ going: [], remove: [], retaining: [unknown] });
    const known = { ...unknown, retainedUntil: later };
    expect(differenceOf([known], [running("n")], now)).toMatchObject({ going: [], retaining: [] });
    expect(differenceOf([known], [running("n")], later).going).toEqual([known]);
  });

  test("starts a leaving node again that is there for its files only", () => {
    const retaining = aNode({ state: "leavingpool", retainsData: true, retainedUntil: later });
    expect(differenceOf([retaining], [ended("n")], now).start).toEqual([retaining]);
    expect(differenceOf([retaining], [ended("n")], later)).toMatchObject({ start: [], remove: ["n"] });
  });

  test("leaves a released node where it is, and takes away all that a preempted one had", () => {
    const nodes = [aNode({ id: "a", state: "deallocated" }), aNode({ id: "b", state: "preempted" })];
    expect(differenceOf(nodes, [ended("a"), running("b")], now)).toMatchObject({ start: [], remove: ["b"] });
  });
});
