import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunExit, RunUse } from "@kyanite/contract";
import { findControlGroups } from "@kyanite/runtime";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aRun, shell, startNode, type TestNode } from "./fake-service.ts";

const places = findControlGroups();
const megabyte = 1_000_000;
const burn = (milliseconds: number) =>
  `${process.execPath} -e "const end = process.cpuUsage().user + ${1000 * milliseconds}; while (process.cpuUsage().user < end);"`;
/** Holds memory until the agent has looked at it. */
const hold = `${process.execPath} -e "const held = Buffer.alloc(${200 * megabyte}, 1); setTimeout(() => held, 2600)"`;
const write = `dd if=/dev/zero of=written bs=1M count=20 conv=fsync 2>/dev/null`;

function useOf(exit: RunExit | { readonly kind: "returned" | "lost" }): RunUse {
  if (exit.kind !== "exited" && exit.kind !== "ended") throw new Error(`it ${exit.kind}`);
  if (!exit.use) throw new Error("no use");
  return exit.use;
}

describe.each(["a shell of the node", "a shell of its own"])("what a run has used that is started by %s", (starter) => {
  let node: TestNode;
  let count = 0;
  beforeAll(async () => {
    node = await startNode();
  });
  afterAll(() => node[Symbol.asyncDispose]());
  /** A program below the root stands alone. */
  const lineOf = async (script: string) => {
    if (starter === "a shell of the node") return shell(script);
    const program = join(node.root, `shared/program-${++count}`);
    await writeFile(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return program;
  };
  const exitOf = async (script: string) => useOf(await node.service.exit({ commandLine: await lineOf(script) }));

  test("processor time is its own, and that of the next run none of it", async () => {
    const { cpu } = await exitOf(burn(400));
    expect(cpu?.userSeconds).toBeGreaterThan(0.35);
    expect(cpu?.userSeconds).toBeLessThan(5);
    const next = await exitOf("true");
    expect(next.cpu?.userSeconds).toBeLessThan(0.2);
    if (places.members?.version === 2) expect(cpu?.source).toBe("controlGroup");
  });

  test("what it writes is counted in bytes and operations", async () => {
    const { io } = await exitOf(write);
    expect(io?.source).toBe("processes");
    expect(io?.writeBytes).toBeGreaterThanOrEqual(20 * 1_048_576);
    expect(io?.writeBytes).toBeLessThan(40 * 1_048_576);
    expect(io?.writeOperations).toBeGreaterThanOrEqual(20);
    expect((await exitOf("true")).io?.writeBytes).toBeLessThan(megabyte);
  });

  test("its peak of memory is seen when it lasts", async () => {
    const { memory } = await exitOf(hold);
    expect(memory?.peakBytes).toBeGreaterThan(200 * megabyte);
    expect(memory?.peakBytes).toBeLessThan(500 * megabyte);
  });

  test("is known although it was stopped and killed", async () => {
    const order = aRun({ commandLine: await lineOf(`trap "" TERM; ${burn(60_000)}`), maxWallClockSeconds: 1.5 });
    node.service.order({ type: "run", order });
    const { cpu } = useOf((await node.service.finished(order.runId)).exit);
    expect(cpu?.userSeconds).toBeGreaterThan(0.01);
    expect(cpu?.userSeconds).toBeLessThan(10);
  });
});

describe.skipIf(!places.memory)("where control groups limit memory", () => {
  test("the peak of a brief run is known, and is not that of the run before", async () => {
    await using node = await startNode({ limits: { memoryBytes: 800 * megabyte } });
    const brief = `${process.execPath} -e "Buffer.alloc(${150 * megabyte}, 1)"`;
    const { memory } = useOf(await node.service.exit({ commandLine: shell(brief), slots: 4 }));
    expect(memory).toMatchObject({ source: "controlGroup" });
    expect(memory?.peakBytes).toBeGreaterThan(150 * megabyte);
    const next = useOf(await node.service.exit({ commandLine: shell("true"), slots: 4 }));
    expect(next.memory?.peakBytes ?? 0).toBeLessThan(100 * megabyte);
  });
});
