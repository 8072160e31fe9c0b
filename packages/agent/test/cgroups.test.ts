import { randomUUID } from "node:crypto";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Directory, isRunning, type ProcessRecord, processRecord, systemClock, waitUntil } from "@kyanite/runtime";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openCgroups } from "../src/cgroups.ts";
import { processExecutor } from "../src/executors/process.ts";
import { membersOf, type ProcessFamily } from "../src/executors/process-family.ts";
import { noWalls } from "../src/walls/walls.ts";
import { startAgentProcess } from "./agent-process.ts";
import { aRun, type FakeService, shell, startNode, type TestNode } from "./fake-service.ts";

const isAllowed = await mayMakeGroups();
if (!isAllowed) console.warn("control groups are not tested: this machine does not let us make any");

async function mayMakeGroups(): Promise<boolean> {
  const cgroups = openCgroups(`/test-${process.pid}`, systemClock);
  const isMade = cgroups.make() !== undefined;
  await cgroups.clear();
  return isMade;
}

/** Leaves the process group and the session, and takes no variable along. */
const escaping = 'env -i setsid sh -c "echo \\$\\$ > pid; exec sleep 600" &';

async function escapedFrom(root: string, directory: string): Promise<ProcessRecord | undefined> {
  return processRecord(Number(await readFile(join(root, directory, "wd/pid"), "utf8")));
}

describe.skipIf(!isAllowed)("what a run leaves running, whatever it does to hide", () => {
  let node: TestNode;
  beforeAll(async () => {
    node = await startNode();
  });
  afterAll(() => node[Symbol.asyncDispose]());

  const inRun = async (service: FakeService, commandLine: string) => {
    const order = aRun({ commandLine });
    service.order({ type: "run", order });
    return order;
  };

  test("ends with the run", async () => {
    const order = await inRun(node.service, shell(`${escaping} until [ -s pid ]; do sleep 0.02; done`));
    expect((await node.service.finished(order.runId)).exit).toMatchObject({ kind: "exited", exitCode: 0 });
    expect(await escapedFrom(node.root, order.directory)).toBeUndefined();
  });

  test("ends with a run whose program was downloaded", async () => {
    await writeFile(
      join(node.root, "shared/program"),
      "#!/bin/sh\nsleep 0.3\nenv -i setsid sh -c 'echo $$ > pid; exec sleep 600' &\nuntil [ -s pid ]; do sleep 0.02; done\n",
      { mode: 0o755 },
    );
    const order = await inRun(node.service, join(node.root, "shared/program"));
    expect((await node.service.finished(order.runId)).exit).toMatchObject({ kind: "exited", exitCode: 0 });
    expect(await escapedFrom(node.root, order.directory)).toBeUndefined();
  });

  test("leaves other runs alone, also those that the same shell starts", async () => {
    const orders = await Promise.all([1, 2, 3].map(() => inRun(node.service, shell("sleep 0.3 & sleep 0.3; wait"))));
    for (const { runId } of orders)
      expect((await node.service.finished(runId)).exit).toMatchObject({ kind: "exited", exitCode: 0 });
  });
});

test.skipIf(!isAllowed)(
  "an agent that was killed finds after its restart what hides from it, and ends it with the run",
  async () => {
    await using agent = await startAgentProcess();
    await agent.service.hello();
    const order = aRun({ commandLine: shell(`${escaping} sleep 600`) });
    agent.service.order({ type: "run", order });
    const happens = (condition: () => boolean | Promise<boolean>) =>
      waitUntil(condition, { clock: systemClock, timeoutMilliseconds: 20_000 });
    expect(
      await happens(async () => (await escapedFrom(agent.root, order.directory).catch(() => undefined)) !== undefined),
    ).toBe(true);
    const escaped = await escapedFrom(agent.root, order.directory);
    if (!escaped) throw new Error("nothing has escaped");
    agent.kill("SIGKILL");
    await agent.exited();
    expect(isRunning(escaped)).toBe(true);
    agent.start();
    await agent.service.hello(2);
    expect(isRunning(escaped)).toBe(true);
    agent.service.order({ type: "cancel", runId: order.runId });
    expect((await agent.service.finished(order.runId)).exit).toMatchObject({ kind: "ended", reason: "cancelled" });
    expect(await happens(() => !isRunning(escaped))).toBe(true);
  },
);

describe.skipIf(!isAllowed)("of a user who may become root", () => {
  test.each([
    ["an account", {}, 1],
    ["the user that can never become it", { isNeverRoot: true as const }, 0],
  ])("what has left the group is found by its marker: %s", async (_, rights, found) => {
    await using home = await temporaryHome();
    const cgroups = openCgroups(home.path, systemClock);
    const walls = noWalls("not needed");
    const executor = processExecutor({ directory: home.path, cgroups, walls, clock: systemClock });
    const runId = randomUUID();
    using taskDirectory = Directory.open(home.path);
    const command = await executor.start(
      {
        runId,
        taskDirectory,
        program: "/bin/sleep",
        args: ["600"],
        environment: { KYANITE_RUN_ID: runId },
        directory: "/",
        stdout: join(home.path, "stdout"),
        stderr: join(home.path, "stderr"),
        slots: 1,
        user: { uid: 65534, gid: 65534, name: "nobody", ...rights },
        standsAlone: false,
      },
      () => {},
    );
    const pid = await startedBy(command.family);
    await writeFile(await ownGroupFile(), String(pid));
    expect(membersOf(command.family, systemClock.now())).toHaveLength(found);
    process.kill(pid, "SIGKILL");
    await command.exit;
    await command.release();
    executor.close();
    await cgroups.clear();
  });
});

/** The only process of a family, once it is there. */
async function startedBy(family: ProcessFamily): Promise<number> {
  const members = () => membersOf(family, systemClock.now());
  await waitUntil(() => members().length > 0, { clock: systemClock, timeoutMilliseconds: 10_000 });
  return members()[0] ?? 0;
}

async function temporaryHome() {
  const path = await mkdtemp(join(tmpdir(), "kyanite-cgroups-"));
  await chmod(path, 0o777);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Of the group that we are in ourselves. */
async function ownGroupFile(): Promise<string> {
  const mounts = (await readFile("/proc/self/mounts", "utf8")).split("\n").map((line) => line.split(" "));
  const [, mount = ""] = mounts.find(([, , type]) => type === "cgroup2") ?? [];
  const path = /^0::(.*)$/m.exec(await readFile("/proc/self/cgroup", "utf8"))?.[1] ?? "";
  return join(mount, path, "cgroup.procs");
}
