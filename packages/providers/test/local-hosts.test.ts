import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Clock, createLog, processRecord, systemClock } from "@kyanite/runtime";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type LocalHostsOptions, localHosts } from "../src/local-hosts.ts";
import { aNode, providerConformance } from "./conformance.ts";

const fakeAgent = fileURLToPath(new URL("fake-agent.mjs", import.meta.url));

function optionsFor(directory: string, behaviour = "good", environment = {}): LocalHostsOptions {
  return {
    directory,
    agentCommand: [process.execPath, fakeAgent],
    serviceUrl: "http://127.0.0.1:1",
    agentLogLevel: "info",
    environment: { ...environment, FAKE_AGENT: behaviour },
    hidden: directory,
    users: undefined,
    clock: systemClock,
    log: createLog("silent"),
  };
}

const temporaryDirectory = () => mkdtemp(join(tmpdir(), "kyanite-test-"));

async function agentPid(directory: string, host = 1): Promise<number> {
  const { pid } = JSON.parse(await readFile(join(directory, `.hosts/${host}/agent.json`), "utf8"));
  return pid;
}

const isGone = (pid: number) => processRecord(pid) === undefined;

async function killAgent(directory: string): Promise<void> {
  const pid = await agentPid(directory);
  process.kill(pid, "SIGKILL");
  await vi.waitUntil(() => isGone(pid), { interval: 5 });
}

providerConformance("local-hosts", async () => {
  const directory = await temporaryDirectory();
  return {
    make: () => localHosts(optionsFor(directory)),
    endNode: async (nodeId) => {
      const order = join(directory, nodeId, "die");
      await writeFile(order, "");
      await vi.waitUntil(() => !existsSync(order), { interval: 5 });
    },
    clean: () => rm(directory, { recursive: true, force: true }),
  };
});

describe("local-hosts", () => {
  let directory: string;
  const stops: (() => Promise<void>)[] = [];
  const make = async (options: LocalHostsOptions) => {
    const provider = await localHosts(options);
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
    await provider.create([aNode("a", { token: "secret" })]);
    await vi.waitUntil(async () => (await readdir(join(directory, "a/root"))).includes("token-seen"), { interval: 5 });
    await vi.waitUntil(async () => (await readFile(join(directory, "a/root/token-seen"), "utf8")) === "secret");
    expect((await stat(join(directory, "a/token"))).mode & 0o777).toBe(0o600);
    expect((await stat(join(directory, "a"))).mode & 0o777).toBe(0o711);
  });

  test("says why a node could not start", async () => {
    const provider = await make(optionsFor(directory, "refusing"));
    expect(await provider.create([aNode("a")])).toEqual([{ kind: "failed", nodeId: "a", reason: "no room" }]);
    expect(await provider.list()).toEqual([{ nodeId: "a", state: "ended" }]);
  });

  test("says where the log is when the agent cannot start", async () => {
    const hasty = { ...systemClock, elapsed: () => systemClock.elapsed() * 20 };
    const provider = await make({ ...optionsFor(directory, "broken"), clock: hasty });
    const [outcome] = await provider.create([aNode("a")]);
    expect(outcome).toMatchObject({
      kind: "failed",
      nodeId: "a",
      reason: expect.stringContaining(".hosts/1/agent.log"),
    });
    // The time that it has goes faster here than the agent comes up.
    const log = () => readFile(join(directory, ".hosts/1/agent.log"), "utf8");
    await vi.waitUntil(async () => (await log()).includes("cannot start\n"), { interval: 5, timeout: 20_000 });
  });

  test("refuses a name that would leave its directory", async () => {
    const provider = await make(optionsFor(directory));
    expect(await provider.create([aNode("../x")])).toMatchObject([{ kind: "failed" }]);
    await expect(provider.remove([".."])).rejects.toThrow("cannot be the name of a directory");
  });

  test("never ends a stranger who has the pid of a dead agent", async () => {
    await mkdir(join(directory, ".hosts/1"), { recursive: true });
    await writeFile(
      join(directory, ".hosts/1/agent.json"),
      JSON.stringify({ pid: process.pid, startedAt: "long ago" }),
    );
    const provider = await make(optionsFor(directory));
    await provider.create([aNode("a")]);
    await provider.remove(["a"]);
    expect(await provider.list()).toEqual([]);
  });

  test("starts an agent again that was killed: its nodes are there all the while", async () => {
    const provider = await make(optionsFor(directory));
    await provider.create([aNode("a"), aNode("b")]);
    const before = await agentPid(directory);
    await killAgent(directory);
    expect((await provider.list()).map(({ state }) => state)).toEqual(["running", "running"]);
    await vi.waitUntil(async () => (await agentPid(directory)) !== before, { interval: 5, timeout: 10_000 });
    await provider.remove(["a"]);
    expect(await provider.list()).toEqual([{ nodeId: "b", state: "running" }]);
  });

  test("replaces an agent that an earlier service has left, when its files or settings are others now", async () => {
    let isKilled = false;
    const sleep: Clock["sleep"] = (...pause) => (isKilled ? new Promise(() => {}) : systemClock.sleep(...pause));
    const first = await localHosts({ ...optionsFor(directory), clock: { ...systemClock, sleep } });
    await first.create([aNode("a")]);
    isKilled = true;
    const pid = await agentPid(directory);
    await make(optionsFor(directory));
    expect(isGone(pid)).toBe(false);
    const provider = await make(optionsFor(directory, "good", { SETTING: "new" }));
    await vi.waitUntil(async () => (await agentPid(directory)) !== pid, { interval: 5, timeout: 10_000 });
    expect(isGone(pid)).toBe(true);
    expect(await provider.list()).toEqual([{ nodeId: "a", state: "running" }]);
  });

  test("one agent serves all nodes, or as many as it may", async () => {
    const provider = await make({ ...optionsFor(directory), nodesPerHost: 2 });
    await provider.create(["a", "b", "c"].map((nodeId) => aNode(nodeId)));
    expect(await agentPid(directory, 1)).not.toBe(await agentPid(directory, 2));
    expect((await provider.list()).map(({ state }) => state)).toEqual(["running", "running", "running"]);
    await expect(agentPid(directory, 3)).rejects.toThrow("ENOENT");
  });

  test.runIf(process.platform === "linux")("ends tasks that an agent left which had to be killed", async () => {
    const hasty = { ...systemClock, elapsed: () => systemClock.elapsed() * 100 };
    const provider = await make({ ...optionsFor(directory, "parent"), clock: hasty });
    await provider.create([aNode("a")]);
    const file = join(directory, "a/root/task-pid");
    await vi.waitUntil(async () => Number(await readFile(file, "utf8").catch(() => "")) > 0, { interval: 5 });
    const task = Number(await readFile(file, "utf8"));
    process.kill(await agentPid(directory), "SIGSTOP");
    await provider.stop();
    await vi.waitUntil(() => isGone(task), { interval: 5 });
  });

  test("kills an agent that does not answer, and its node is removed by the next one", async () => {
    const hasty = { ...systemClock, elapsed: () => systemClock.elapsed() * 20 };
    let ahead = 0;
    const now = () => new Date(systemClock.now().getTime() + ahead);
    const provider = await make({ ...optionsFor(directory), clock: { ...hasty, now } });
    await provider.create([aNode("a")]);
    const pid = await agentPid(directory);
    ahead = 60_000;
    process.kill(pid, "SIGSTOP");
    await provider.remove(["a"]).catch(() => provider.remove(["a"]));
    expect(isGone(pid)).toBe(true);
    expect(await provider.list()).toEqual([]);
  });

  test("gives the next one time to come up, and tells of the frozen one once", async () => {
    const hasty = { ...systemClock, elapsed: () => systemClock.elapsed() * 20 };
    let ahead = 0;
    const now = () => new Date(systemClock.now().getTime() + ahead);
    const log = createLog("silent");
    const warn = vi.spyOn(log, "warn");
    const provider = await make({ ...optionsFor(directory), clock: { ...hasty, now }, log });
    const nodeIds = ["a", "b", "c"];
    await provider.create(nodeIds.map((nodeId) => aNode(nodeId)));
    process.kill(await agentPid(directory), "SIGSTOP");
    // From here on the pulse of every agent is old.
    ahead = 60_000;
    const removals = () => Promise.allSettled(nodeIds.map((nodeId) => provider.remove([nodeId])));
    for (let round = 0; round < 8 && (await provider.list()).length > 0; round++) await removals();
    expect(await provider.list()).toEqual([]);
    expect(warn.mock.calls.filter(([text]) => text === "a frozen agent was killed")).toHaveLength(1);
  });

  test("leaves nothing of removed nodes on the disk, also not what an earlier process had begun to remove", async () => {
    await mkdir(join(directory, ".removed-earlier/deep"), { recursive: true });
    const provider = await make(optionsFor(directory));
    await provider.create([aNode("a")]);
    await mkdir(join(directory, "a/root/locked"), { recursive: true, mode: 0o500 });
    await provider.remove(["a"]);
    await provider.stop();
    expect(await readdir(directory)).toEqual([".hosts", ".service-url"]);
  });
});
