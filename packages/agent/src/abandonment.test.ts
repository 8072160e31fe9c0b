import { type Clock, systemClock } from "@kyanite/runtime";
import { expect, test } from "vitest";
import { untilAbandoned } from "./abandonment.ts";

/** A node on a clock on which minutes pass when the test says so. */
function aNode() {
  let wake = () => {};
  const clock: Clock = { ...systemClock, sleep: () => new Promise((resolve) => (wake = resolve)) };
  const node = { isAway: true, isRunning: false, hasReports: false };
  let outcome: string | undefined;
  const stop = new AbortController();
  void untilAbandoned({
    clock,
    signal: stop.signal,
    patienceHours: 2,
    isAway: () => node.isAway,
    held: () => node,
  }).then((result) => {
    outcome = result;
  });
  const pass = async (minutes: number) => {
    for (let passed = 0; passed < minutes; passed += 1) {
      wake();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return outcome;
  };
  return { node, pass, stop };
}

test("a node is abandoned when its service has been away for as long as is said", async () => {
  const { pass } = aNode();
  expect(await pass(119)).toBeUndefined();
  expect(await pass(1)).toBe("abandoned");
});

test("a service that has been there meanwhile is waited for anew", async () => {
  const { node, pass } = aNode();
  await pass(119);
  node.isAway = false;
  await pass(1);
  node.isAway = true;
  expect(await pass(119)).toBeUndefined();
  expect(await pass(1)).toBe("abandoned");
});

test("a node on which something runs is never abandoned", async () => {
  const { node, pass } = aNode();
  node.isRunning = true;
  expect(await pass(1_000)).toBeUndefined();
  node.isRunning = false;
  expect(await pass(1)).toBe("abandoned");
});

test("a node with something to report waits seven times as long", async () => {
  const { node, pass } = aNode();
  node.hasReports = true;
  expect(await pass(7 * 120 - 1)).toBeUndefined();
  expect(await pass(1)).toBe("abandoned");
});

test("a node that is stopped is not abandoned", async () => {
  const { pass, stop } = aNode();
  stop.abort();
  expect(await pass(1)).toBe("stopped");
});
