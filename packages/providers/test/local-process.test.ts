import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createLog, processRecord, systemClock } from "@kyanite/runtime";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type LocalProcessOptions, localProcess } from "../src/local-process.ts";
import { providerConformance } from "./conformance.ts";

const fakeAgent = fileURLToPath(new URL("fake-agent.mjs", import.meta.url));

function optionsFor(directory: string, behaviour = "good", environment = {}): LocalProcessOptions {
  return {
    directory,
    agentCommand: [process.execPath, fakeAgent],
    serviceUrl: "http://127.0.0.1:1",
    agentLogLevel: "info",
    environment: { ...environment, FAKE_AGENT: behaviour },
    startsAtOnce: 2,
    clock: systemClock,
    log: createLog("silent"),
  };
}

const temporaryDirectory = () => mkdtemp(join(tmpdir(), "kyanite-test-"));

async function agentPid(directory: string, nodeId: string): Promise<number> {
  const { pid } = JSON.parse(await readFile(join(directory, nodeId, "agent.json"), "utf8"));
  return pid;
}

const isGone = (pid: number) => processRecord(pid) === undefined;

async function killAgent(directory: string, nodeId: string): Promise<void> {
  const pid = await agentPid(directory, nodeId);
  process.kill(pid, "SIGKILL");
  await vi.waitUntil(() => isGone(pid), { interval: 5 });
}

providerConformance("local-process", async () => {
  const directory = await temporaryDirectory();
  return {
    make: () => localProcess(optionsFor(directory)),
    killAgent: (nodeId) => killAgent(directory, nodeId),
    clean: () => rm(directory, { recursive: true, force: true }),
  };
});

describe("local-process", () => {
  let directory: string;
  const stops: (() => Promise<void>)[] = [];
  const make = async (options: LocalProcessOptions) => {
    const provider = await localProcess(options);
    stops.push(() => provider.stop());
    return provider;
  };

  beforeEach(async () => {
    directory = await temporaryDirectory();
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
    await rm(directory, { recursive: true, force: true });
  });

  test("gives the token in a private file, and lets tasks of other users pass through the directories", async () => {
    const provider = await make(optionsFor(directory));
    await provider.create([{ nodeId: "a", token: "secret" }]);
    await vi.waitUntil(async () => (await readdir(join(directory, "a/root"))).includes("token-seen"), { interval: 5 });
    await vi.waitUntil(async () => (await readFile(join(directory, "a/root/token-seen"), "utf8")) === "secret");
    expect((await stat(join(directory, "a/token"))).mode & 0o777).toBe(0o600);
    expect((await stat(join(directory, "a"))).mode & 0o777).toBe(0o711);
  });

  test("says why an agent could not start", async () => {
    const provider = await make(optionsFor(directory, "broken"));
    const [outcome] = await provider.create([{ nodeId: "a", token: "t" }]);
    expect(outcome).toMatchObject({ kind: "failed", nodeId: "a", reason: expect.stringContaining("a/agent.log") });
    expect(await readFile(join(directory, "a/agent.log"), "utf8")).toBe("cannot start\n");
  });

  test("refuses a name that would leave its directory", async () => {
    const provider = await make(optionsFor(directory));
    expect(await provider.create([{ nodeId: "../x", token: "t" }])).toMatchObject([{ kind: "failed" }]);
    await expect(provider.remove([".."])).rejects.toThrow("cannot be the name of a directory");
  });

  test("never ends a stranger who has the pid of a dead agent", async () => {
    await mkdir(join(directory, "a"));
    await writeFile(join(directory, "a/agent.json"), JSON.stringify({ pid: process.pid, startedAt: "long ago" }));
    const provider = await make(optionsFor(directory));
    expect(await provider.list()).toEqual([{ nodeId: "a", state: "ended" }]);
    await provider.remove(["a"]);
    expect(await provider.list()).toEqual([]);
  });

  test.runIf(process.platform === "linux")("ends tasks that a killed agent left", async () => {
    const provider = await make(optionsFor(directory, "parent"));
    await provider.create([{ nodeId: "a", token: "t" }]);
    const file = join(directory, "a/root/task-pid");
    await vi.waitUntil(async () => Number(await readFile(file, "utf8").catch(() => "")) > 0, { interval: 5 });
    const task = Number(await readFile(file, "utf8"));
    await killAgent(directory, "a");
    expect(isGone(task)).toBe(false);
    await provider.remove(["a"]);
    await vi.waitUntil(() => isGone(task), { interval: 5 });
  });

  test("kills an agent that does not end by itself", async () => {
    const hasty = { ...systemClock, now: () => new Date(systemClock.now().getTime() * 100) };
    const provider = await make({ ...optionsFor(directory, "deaf"), clock: hasty });
    await provider.create([{ nodeId: "a", token: "t" }]);
    await vi.waitUntil(async () => (await readdir(join(directory, "a"))).includes("root"), { interval: 5 });
    const pid = await agentPid(directory, "a");
    await provider.remove(["a"]);
    expect(isGone(pid)).toBe(true);
  });

  test("leaves nothing of removed nodes on the disk, also not what an earlier process had begun to remove", async () => {
    await mkdir(join(directory, ".removed-earlier/deep"), { recursive: true });
    const provider = await make(optionsFor(directory));
    await provider.create([{ nodeId: "a", token: "t" }]);
    await mkdir(join(directory, "a/root/locked"), { recursive: true, mode: 0o500 });
    await provider.remove(["a"]);
    await provider.stop();
    expect(await readdir(directory)).toEqual([".service-url"]);
  });
});
