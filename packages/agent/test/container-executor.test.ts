import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createLog, Directory, systemClock, waitUntil } from "@kyanite/runtime";
import {
  hasRuntime,
  type RuntimeKind,
  startRuntime,
  type TestRuntime,
  testImage,
} from "@kyanite/testkit/container-runtimes";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { boundedLog } from "../src/containers/copied-output.ts";
import { RuntimeLost } from "../src/containers/failures.ts";
import { machineContainers } from "../src/containers/machine-containers.ts";
import { describeRuntime, runtimeFinder } from "../src/containers/runtime.ts";
import { type ContainedCommand, containerExecutor } from "../src/executors/container.ts";
import { type Command, type ContainerRecord, NeverStarted } from "../src/executors/executor.ts";
import { executorConformance } from "./executor-conformance.ts";

const former = fileURLToPath(new URL("former-container-agent.mjs", import.meta.url));
const clock = systemClock;
const log = createLog("error");
const kinds: readonly RuntimeKind[] = ["docker", "podman"];

/** The runtime is started only when its tests are. */
const runtimes = new Map<RuntimeKind, TestRuntime>();
const socketOf = (kind: RuntimeKind) => runtimes.get(kind)?.socket ?? "";
const runtimeOf = (kind: RuntimeKind) => runtimeFinder({ setting: socketOf(kind) }).find;

/** The same command in a container that sees the directory at the same path. */
async function contained(kind: RuntimeKind, command: Command): Promise<ContainedCommand> {
  const { directory, program, args, environment, runId } = command;
  return {
    ...command,
    settings: "",
    body: {
      name: `kyanite-${runId}`,
      Image: testImage,
      Cmd: [program, ...args],
      Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
      WorkingDir: directory,
      HostConfig: {
        NetworkMode: "none",
        LogConfig: boundedLog(await runtimeOf(kind)()),
        Mounts: [{ Type: "bind", Source: directory, Target: directory }],
      },
    },
    onChange: () => {},
    onRelease: async () => {},
  };
}

const hooks = { onChange: () => {}, onRelease: async () => {} };

const make = (kind: RuntimeKind) => () => {
  const executor = containerExecutor({ runtime: runtimeOf(kind), clock, log });
  return {
    start: async (command: Command, onLaunch: (record: ContainerRecord) => void) =>
      executor.start(await contained(kind, command), (record) => record.kind === "container" && onLaunch(record)),
    adopt: (command: Command, record: ContainerRecord) => executor.adopt({ ...command, ...hooks }, record),
    close: () => {},
  };
};

const startFormerly =
  (kind: RuntimeKind) =>
  async (_: string, command: Command): Promise<ContainerRecord> => {
    const { taskDirectory, onChange, onRelease, ...rest } = await contained(kind, command);
    const agent = spawn(
      process.execPath,
      [former, JSON.stringify({ socket: socketOf(kind), command: { ...rest, directory: command.directory } })],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const { value: record } = await createInterface({ input: agent.stdout })[Symbol.asyncIterator]().next();
    agent.kill("SIGKILL");
    await once(agent, "exit");
    return JSON.parse(record);
  };

async function aPlace() {
  const path = await mkdtemp(join(tmpdir(), "kyanite-container-"));
  const taskDirectory = Directory.open(path);
  return {
    path,
    taskDirectory,
    async [Symbol.asyncDispose]() {
      taskDirectory.close();
      await rm(path, { recursive: true });
    },
  };
}

function aCommand({ path, taskDirectory }: Awaited<ReturnType<typeof aPlace>>, script: string): Command {
  const runId = randomUUID();
  return {
    runId,
    program: "/bin/sh",
    args: ["-c", script],
    environment: { KYANITE_RUN_ID: runId },
    directory: path,
    taskDirectory,
    stdout: join(path, "stdout.txt"),
    stderr: join(path, "stderr.txt"),
    user: undefined,
    slots: 1,
    standsAlone: true,
  };
}

/** What looks like the process by which a runtime watches a container. */
function aHelper(kind: RuntimeKind, containerId: string): ChildProcess {
  const [name, flag] = kind === "docker" ? ["containerd-shim-runc-v2", "-id"] : ["conmon", "-c"];
  const args = ["-e", "setInterval(() => {}, 1_000_000)", "--", flag, containerId];
  return spawn(process.execPath, args, { argv0: `/usr/bin/${name}`, stdio: "ignore" });
}

describe.each(kinds.filter(hasRuntime))("%s", (kind) => {
  beforeAll(async () => {
    runtimes.set(kind, await startRuntime(kind));
  }, 120_000);
  afterAll(async () => {
    expect(runtimes.get(kind)?.run("ps", "-aq")).toBe("");
    await runtimes.get(kind)?.[Symbol.asyncDispose]();
  }, 120_000);

  executorConformance(kind, make(kind), startFormerly(kind), {
    alone: [true],
    // The first process of a container does not end itself by a signal.
    dying: "sh -c 'kill -TERM $$'; exit $?",
  });

  test("whoever runs the machine is told what makes its containers", async () => {
    const said = await describeRuntime({ setting: socketOf(kind) });
    expect(said).toMatch(/^containers run with (?:Docker|Podman) \d+\..+, as root$/);
  });

  test("what it says while no agent is there comes to its files, once", async () => {
    await using place = await aPlace();
    const command = aCommand(
      place,
      "echo 1; until [ -e go ]; do sleep 0.05; done; echo 2; echo err >&2; sleep 1; echo 3",
    );
    const record = await startFormerly(kind)(place.path, command);
    await waitUntil(() => readFileSync(command.stdout, "utf8") !== "", { clock, timeoutMilliseconds: 10_000 });
    writeFileSync(join(place.path, "go"), "");
    await waitUntil(() => runtimes.get(kind)?.run("logs", record.name).includes("2") ?? false, {
      clock,
      timeoutMilliseconds: 10_000,
    });
    const adopted = make(kind)().adopt(command, record);
    expect(await adopted.exit).toBe(0);
    await adopted.release();
    expect(readFileSync(command.stdout, "utf8")).toBe("1\n2\n3\n");
    expect(readFileSync(command.stderr, "utf8")).toBe("err\n");
  });

  test("one that was noted and never made is told from one that has ended", async () => {
    await using place = await aPlace();
    const record = { kind: "container", name: "kyanite-none", since: clock.now().toISOString() } as const;
    const adopted = make(kind)().adopt(aCommand(place, "true"), record);
    await expect(adopted.exit).rejects.toThrow(NeverStarted);
    await adopted.release();
  });

  test("one that was killed for memory says so", async () => {
    await using place = await aPlace();
    const limitBytes = 20_000_000;
    const executor = containerExecutor({ runtime: runtimeOf(kind), clock, log });
    const { body, ...command } = await contained(kind, aCommand(place, "exec dd if=/dev/zero of=/dev/null bs=60M"));
    const HostConfig = { ...body.HostConfig, Memory: limitBytes, MemorySwap: limitBytes };
    const execution = await executor.start({ ...command, body: { ...body, HostConfig } }, () => {});
    expect(await execution.exit).toBe(137);
    expect(execution.memoryKill()).toMatchObject({ limitBytes });
    await execution.release();
  });

  test("the end of what says no more is seen without podman's waiting for it", async () => {
    if (kind === "docker") return;
    await using place = await aPlace();
    const found = await runtimeOf(kind)();
    const getContainer = (name: string) =>
      Object.assign(found.api.getContainer(name), { wait: () => new Promise(() => {}) });
    const runtime = { ...found, api: Object.assign(Object.create(found.api), { getContainer }) };
    const executor = containerExecutor({ runtime: async () => runtime, clock, log });
    const execution = await executor.start(await contained(kind, aCommand(place, "echo x; exit 3")), () => {});
    expect(await execution.exit).toBe(3);
    await execution.release();
  });

  test("what a runtime has forgotten of a container that it failed to start is ended", async () => {
    await using place = await aPlace();
    const found = await runtimeOf(kind)();
    const forgotten: ChildProcess[] = [];
    const command = aCommand(place, "exit 3");
    const createContainer = async (body: ContainedCommand["body"]) => {
      const container = await found.api.createContainer(body);
      if (forgotten.length > 0) return container;
      forgotten.push(aHelper(kind, container.id));
      runtimes.get(kind)?.run("volume", "create", "--label", `kyanite.run=${command.runId}`);
      return Object.assign(container, { attach: () => Promise.reject(new Error("socket hang up")) });
    };
    const runtime = { ...found, api: Object.assign(Object.create(found.api), { createContainer }) };
    const executor = containerExecutor({ runtime: async () => runtime, clock, log });
    const execution = await executor.start(await contained(kind, command), () => {});
    expect(forgotten[0]?.signalCode).toBe("SIGKILL");
    expect(runtimes.get(kind)?.run("volume", "ls", "-q")).toBe("");
    expect(await execution.exit).toBe(3);
    await execution.release();
  });

  test("volumes of a node that belong to no container go with what former agents have left", async () => {
    await using place = await aPlace();
    const options = { setting: socketOf(kind), network: undefined, imageBytes: 0, directory: place.path, clock, log };
    const machine = await machineContainers(options);
    const add = (name: string, ...labels: readonly string[]) =>
      runtimes.get(kind)?.run("volume", "create", ...labels.flatMap((label) => ["--label", label]), name);
    add("of-former", "kyanite.node-root=/n", "kyanite.agent=former");
    add("of-this", "kyanite.node-root=/n", `kyanite.agent=${machine.agentId}`);
    add("of-another-node", "kyanite.node-root=/other", "kyanite.agent=former");
    const left = () => runtimes.get(kind)?.run("volume", "ls", "-q").split("\n").filter(Boolean).toSorted();
    await machine.removeLeft("/n", { names: [] });
    expect(left()).toEqual(["of-another-node", "of-this"]);
    await machine.removeLeft("/n");
    await machine.removeLeft("/other");
    expect(left()).toEqual([]);
  });

  test("a runtime that is killed loses what it ran, or goes on with it", async () => {
    await using place = await aPlace();
    const execution = await make(kind)().start(aCommand(place, "sleep 3; exit 4"), () => {});
    await runtimes.get(kind)?.restart("SIGKILL");
    if (kind === "podman") expect(await execution.exit).toBe(4);
    else await expect(execution.exit).rejects.toThrow(RuntimeLost);
    await execution.release();
  }, 60_000);

  test("a runtime that is restarted while no agent is there does not pass its own exit codes on", async () => {
    if (kind === "podman") return;
    await using place = await aPlace();
    for (const signal of ["SIGKILL", "SIGTERM"] as const) {
      const command = aCommand(place, "sleep 600");
      const record = await startFormerly(kind)(place.path, command);
      await runtimes.get(kind)?.restart(signal);
      const adopted = make(kind)().adopt(command, record);
      await expect(adopted.exit).rejects.toThrow(RuntimeLost);
      await adopted.release();
    }
  }, 60_000);

  test("what ends because the runtime ends in order is lost as well", async () => {
    if (kind === "podman") return;
    await using place = await aPlace();
    const execution = await make(kind)().start(aCommand(place, "trap 'exit 0' TERM; sleep 600 & wait"), () => {});
    const exit = expect(execution.exit).rejects.toThrow(RuntimeLost);
    await runtimes.get(kind)?.restart("SIGTERM");
    await exit;
    await execution.release();
  }, 60_000);
});
