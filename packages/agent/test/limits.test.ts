import { readFileSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findControlGroups, systemClock, waitUntil } from "@kyanite/runtime";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startAgentProcess } from "./agent-process.ts";
import { aRun, shell, startNode, type TestNode } from "./fake-service.ts";

const places = findControlGroups();
/** What it takes to be protected more than others: root has it, unless it was taken from whole containers. */
const sysResource = 24n;
const capabilities = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
const mayProtect = ((BigInt(`0x${capabilities}`) >> sysResource) & 1n) === 1n;
if (!places.pids || !places.memory || !places.cpu)
  console.warn("limits are not tested: this machine's control groups cannot be written", places);

const success = { kind: "exited", exitCode: 0 };
const megabyte = 1_000_000;

/** Holds so many megabytes for a moment. */
const hold = (megabytes: number) =>
  `${process.execPath} -e "const held = Buffer.alloc(${megabytes * megabyte}, 1); setTimeout(() => held, 50)"`;

describe.skipIf(!places.memory)("memory", () => {
  let node: TestNode;
  beforeAll(async () => {
    node = await startNode({ limits: { memoryBytes: 800 * megabyte } });
  });
  afterAll(() => node[Symbol.asyncDispose]());

  const killed = {
    kind: "exited",
    exitCode: 137,
    failure: { category: "UserError", code: "MemoryLimitExceeded" },
  };

  test("of a run ends where the share of its slots ends, and the run says so with the figures", async () => {
    const exit = await node.service.exit({ commandLine: hold(400), slots: 1 });
    expect(exit).toMatchObject(killed);
    if (exit.kind !== "exited") throw new Error("not exited");
    const details = new Map(exit.failure?.details.map(({ name, value }) => [name, value]));
    expect(details.get("LimitBytes")).toBe(String(200 * megabyte));
    expect(Number(details.get("PeakBytes"))).toBeGreaterThan(190 * megabyte);
    expect(details.get("Message")).toMatch(/^It took \d+\.\d of 200\.0 MB: give it more requiredSlots/);
  });

  test("is more for a run that takes more slots", async () => {
    expect(await node.service.exit({ commandLine: hold(400), slots: 3 })).toMatchObject(success);
  });

  test("is that of the node for a run that takes no slots", async () => {
    expect(await node.service.exit({ commandLine: hold(400) })).toMatchObject(success);
  });

  test("of the next run in the same place is as if there had been none before", async () => {
    expect(await node.service.exit({ commandLine: hold(400), slots: 1 })).toMatchObject(killed);
    expect(await node.service.exit({ commandLine: shell("exit 3"), slots: 1 })).toMatchObject({
      kind: "exited",
      exitCode: 3,
    });
    expect(await node.service.exit({ commandLine: hold(20), slots: 1 })).toMatchObject(success);
  });

  test("that a run could do without is no failure", async () => {
    expect(await node.service.exit({ commandLine: shell(`${hold(400)}; true`), slots: 1 })).toMatchObject(success);
  });

  const file = `/dev/shm/kyanite-${process.pid}`;
  afterEach(() => rm(file, { force: true }));
  const fill = (megabytes: number) => `head -c ${megabytes * megabyte} /dev/zero >${file}`;
  const fillOn = `while :; do head -c ${megabyte} /dev/zero >>${file}; done`;

  test("that a run fills with files ends it in the same way", async () => {
    expect(await node.service.exit({ commandLine: shell(fillOn), slots: 1 })).toMatchObject(killed);
  });

  test("that a run has left files in is not missed by the next", async () => {
    expect(await node.service.exit({ commandLine: shell(fill(150)), slots: 1 })).toMatchObject(success);
    expect(await node.service.exit({ commandLine: hold(100), slots: 1 })).toMatchObject(success);
  });

  test("of a run whose program was downloaded has the same end", async () => {
    const program = join(node.root, "shared/program");
    await writeFile(program, `#!/bin/sh\nsleep 0.2\n${hold(400)}\n`, { mode: 0o755 });
    expect(await node.service.exit({ commandLine: program, slots: 1 })).toMatchObject(killed);
  });
});

test.skipIf(!places.pids)("a run that starts processes without end is kept to its number", async () => {
  await using node = await startNode({ limits: { processesPerSlot: 20 } });
  const script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do sleep 60 & done";
  expect(await node.service.exit({ commandLine: shell(script), slots: 1 })).not.toMatchObject(success);
  expect(await node.service.exit({ commandLine: shell(script), slots: 2 })).toMatchObject(success);
});

test.skipIf(!places.cpu)("a run has the share of its slots of the node's cores", async () => {
  await using node = await startNode({ limits: { cores: 0.8 } });
  const script = `const end = Date.now() + 1000; while (Date.now() < end); const { user, system } = process.cpuUsage(); process.exit(Math.round((user + system) / 10000))`;
  const exit = await node.service.exit({ commandLine: `${process.execPath} -e "${script}"`, slots: 2 });
  if (exit.kind !== "exited") throw new Error("not exited");
  expect(exit.exitCode).toBeGreaterThan(10);
  expect(exit.exitCode).toBeLessThan(70);
});

describe("when the machine's memory runs out", () => {
  test("tasks end before their agent, however they are started", async () => {
    await using agent = await startAgentProcess();
    await agent.service.hello();
    const score = shell("cat /proc/self/oom_score_adj > score");
    await writeFile(join(agent.root, "shared/program"), "#!/bin/sh\ncat /proc/self/oom_score_adj > score\n", {
      mode: 0o755,
    });
    for (const commandLine of [score, join(agent.root, "shared/program")]) {
      const order = aRun({ commandLine });
      agent.service.order({ type: "run", order });
      expect((await agent.service.finished(order.runId)).exit).toMatchObject(success);
      expect(await readFile(join(agent.root, order.directory, "wd/score"), "utf8")).toBe("500\n");
    }
    const own = () => readFile(`/proc/${agent.pid()}/oom_score_adj`, "utf8");
    const isBack = async () => Number(await own()) === (mayProtect ? -500 : 0);
    expect(await waitUntil(isBack, { clock: systemClock, timeoutMilliseconds: 5_000 })).toBe(true);
  });
});
