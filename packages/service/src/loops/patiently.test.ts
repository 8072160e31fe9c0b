import { systemClock } from "@kyanite/runtime";
import { expect, test } from "vitest";
import { patiently } from "./patiently.ts";

const impatient = { ...systemClock, sleep: async () => {} };

test("what takes long is begun once, not waited for again, and done in the end", async () => {
  const begun: string[] = [];
  const gate = new AbortController();
  const end = patiently(async (nodeId) => {
    begun.push(nodeId);
    if (nodeId === "slow") await systemClock.sleep(600_000, gate.signal);
  }, impatient);
  expect([...(await end(["slow", "quick"]))]).toContain("slow");
  expect([...(await end(["slow"]))]).toEqual(["slow"]);
  gate.abort();
  await new Promise(setImmediate);
  expect([...(await end([]))]).toEqual([]);
  expect(begun).toEqual(["slow", "quick"]);
});

test("what fails is the round's failure, and is tried again", async () => {
  let tries = 0;
  const end = patiently(async () => {
    if (++tries === 1) throw new Error("no");
  }, systemClock);
  await expect(end(["node"])).rejects.toThrow("no");
  expect([...(await end(["node"]))]).toEqual([]);
});
