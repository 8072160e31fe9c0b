import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { processesWithVariable, systemClock, waitUntil } from "@kyanite/runtime";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startAgentProcess } from "./agent-process.ts";
import { aRun, shell, startNode, type TestNode } from "./fake-service.ts";

const isRoot = process.getuid?.() === 0 && process.platform === "linux";
const hasNamespaces = isRoot && spawnSync("unshare", ["--mount", "--pid", "--ipc", "--fork", "true"]).status === 0;
if (!hasNamespaces) console.warn("walls are not tested: that takes root, and a machine that has namespaces");
const hasUserNamespaces =
  hasNamespaces && spawnSync("unshare", ["--user", "--mount", "true"], { uid: 65_534, gid: 65_534 }).status === 0;
if (!hasUserNamespaces) console.warn("walls of ordinary users are not tested: this machine has none");

const admin = { kind: "auto", scope: "pool", elevationLevel: "admin" } as const;
const ofTask = { kind: "auto", scope: "task", elevationLevel: "nonadmin" } as const;

/** A run that is there while a test looks at it. */
async function startSleeper(node: Pick<TestNode, "service" | "root">, user = aRun().user) {
  const order = aRun({ commandLine: shell("umask 077; echo mine > mine; exec sleep 600"), user });
  node.service.order({ type: "run", order });
  const file = join(node.root, order.directory, "wd/mine");
  const isThere = () =>
    readFile(file).then(
      () => true,
      () => false,
    );
  expect(await waitUntil(isThere, { clock: systemClock, timeoutMilliseconds: 20_000 })).toBe(true);
  const [found] = processesWithVariable("KYANITE_RUN_ID", order.runId);
  return { file, runId: order.runId, pid: found?.pid ?? 0 };
}

async function outputOf(node: Pick<TestNode, "service" | "root">, script: string, user = aRun().user) {
  const { directory } = aRun();
  const exit = await node.service.exit({ directory, commandLine: shell(script), user });
  const read = (name: string) => readFile(join(node.root, directory, name), "utf8");
  return { exit, stdout: await read("stdout.txt"), stderr: await read("stderr.txt") };
}

/** Kills what holds the node, which is built anew for the next run. */
async function rebuild({ directory }: TestNode): Promise<void> {
  const { pid } = JSON.parse(await readFile(join(directory, "node-process.json"), "utf8"));
  process.kill(pid, "SIGKILL");
  const isGone = () => !existsSync(`/proc/${pid}`);
  expect(await waitUntil(isGone, { clock: systemClock, timeoutMilliseconds: 20_000 })).toBe(true);
}

describe.skipIf(!hasNamespaces)("as root", () => {
  let node: TestNode;
  let other: TestNode;
  beforeAll(async () => {
    node = await startNode({ users: "auto" });
    other = await startNode({ users: "auto", userIds: { first: 1_900_100, last: 1_900_110 } });
    await writeFile(join(node.directory, "account-key"), "secret");
  });
  afterAll(async () => {
    await node[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
  });

  test("a task can neither see, read nor signal what another node runs", async () => {
    const theirs = await startSleeper(other);
    const script = `kill -9 ${theirs.pid}; cat ${theirs.file} /proc/${theirs.pid}/environ; ls ${other.directory}`;
    const { stdout, stderr } = await outputOf(node, script);
    expect(stdout).toBe("");
    expect(stderr.match(/No such/g)).toHaveLength(4);
    expect(processesWithVariable("KYANITE_RUN_ID", theirs.runId)).toHaveLength(1);
  });

  test("the users of two nodes are others, and have a name in theirs", async () => {
    const script = "id -u; id -un; whoami; id -gn; groups";
    expect((await outputOf(node, script)).stdout).toBe(`1900000\n${"_azbatch\n".repeat(4)}`);
    expect((await outputOf(other, script)).stdout).toBe(`1900100\n${"_azbatch\n".repeat(4)}`);
  });

  test("a task with a user of its own shares nothing with the others, not even with one that gets its user later", async () => {
    const first = await startSleeper(node, ofTask);
    const { stdout } = await outputOf(node, `id -un; kill ${first.pid}; cat ${first.file}; ps -o user= -e`, ofTask);
    expect(stdout).toMatch(/^_azbatchtask_\d+\n/);
    const directory = "workitems/job/job-1/own";
    await node.service.run({ directory, commandLine: shell("echo mine > mine"), user: ofTask });
    for (let n = 0; n < 20; n++) {
      const { exit } = await outputOf(node, `! cat ${join(node.root, directory, "wd/mine")}`, ofTask);
      expect(exit).toMatchObject({ kind: "exited", exitCode: 0 });
    }
    const again = { directory, keepsDirectory: true, user: ofTask, commandLine: shell("cat mine; echo more >> mine") };
    expect(await node.service.exit(again)).toMatchObject({ kind: "exited", exitCode: 0 });
  });

  test("nothing is left of processes that ended without a parent, even when all others of the node are killed", async () => {
    const orphans = "for n in $(seq 20); do (setsid true &); done";
    const areGone = "for n in $(seq 100); do ps -e -o stat= | grep -q Z || exit 0; sleep 0.1; done; exit 1";
    await outputOf(node, "kill -9 -1", admin);
    expect(await outputOf(node, `${orphans}; ${areGone}`)).toMatchObject({ exit: { kind: "exited", exitCode: 0 } });
  });

  test("a task sees a single file that is mounted on the machine, as containers have their names of hosts", async () => {
    const place = await mkdtemp("/opt/kyanite-walls-");
    await chmod(place, 0o755);
    const file = join(place, "hosts");
    await writeFile(file, "beneath");
    const mounted = join(place, "mounted");
    await writeFile(mounted, "mounted");
    spawnSync("mount", ["--bind", mounted, file]);
    try {
      await rebuild(node);
      expect((await outputOf(node, `cat ${file}; echo more >> ${file}`, admin)).stdout).toBe("mounted");
      expect(await readFile(mounted, "utf8")).toBe("mounted");
    } finally {
      spawnSync("umount", [file]);
      await rm(place, { recursive: true });
      await rebuild(node);
    }
  });

  test.each([
    ["the data directory", () => `! cat ${node.directory}/account-key && ! ls ${other.directory}`],
    ["the machine's processes", () => "! test -e /proc/$PPID/environ && test $(ls /proc | grep -c ^[0-9]) -lt 15"],
    ["what the machine's users may not read", () => "! grep -v [*!] /etc/shadow && ! ls /root/.[a-z]*"],
    ["the machine's sockets", () => `test -z "$(find /run -type s)"`],
  ])("a task with administrator's rights does not see %s", async (_, script) => {
    expect(await outputOf(node, script(), admin)).toMatchObject({ exit: { kind: "exited", exitCode: 0 } });
  });

  test.each([
    ["mount a disk", "mount -t tmpfs none /mnt"],
    ["unmount what hides the machine", "umount /run"],
    ["make a device", "mknod disk b 254 0"],
    ["change the kernel's settings", "echo 1 > /proc/sys/vm/drop_caches"],
    ["restart the machine", "echo b > /proc/sysrq-trigger"],
    ["trace the node's first process", "cat /proc/1/environ /proc/1/root/etc/shadow > out && test -s out"],
    ["listen to the network", 'python3 -c "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)"'],
    ["enter other namespaces", "nsenter -t 1 -m true"],
  ])("a task with administrator's rights cannot %s", async (_, script) => {
    const { exit } = await outputOf(node, `! ( ${script} )`, admin);
    expect(exit).toMatchObject({ kind: "exited", exitCode: 0 });
  });

  test("what an administrator installs is there for the node's other tasks, and not on the machine", async () => {
    const install = "cp /bin/true /usr/local/bin/kyanite-tool && echo x:y:1:1:::: >> /etc/shadow && useradd -M tool";
    expect(await outputOf(node, install, admin)).toMatchObject({ exit: { exitCode: 0 } });
    expect(await node.service.exit({ commandLine: "kyanite-tool" })).toMatchObject({ kind: "exited", exitCode: 0 });
    expect(await other.service.exit({ commandLine: "kyanite-tool" })).toMatchObject({ kind: "failed" });
    await expect(readFile("/usr/local/bin/kyanite-tool")).rejects.toThrow("ENOENT");
    expect(await readFile("/etc/shadow", "utf8")).not.toContain("x:y");
  });

  test("programs that an administrator has replaced are never executed with rights beyond the node", async () => {
    await using spied = await startNode({ users: "auto", userIds: { first: 1_900_200, last: 1_900_210 } });
    const said = join(spied.root, "shared", "said");
    const spy = join(spied.root, "shared", "spy");
    await writeFile(spy, `#!/bin/sh\necho "$0" >>${said}\n`, { mode: 0o755 });
    const tools = ["setpriv", "unshare", "nsenter", "sleep", "umount", "mount", "sed"];
    const replace = tools.map((tool) => `rm /usr/bin/${tool} && cp ${spy} /usr/bin/${tool}`).join(" && ");
    const planted = await outputOf(spied, `${replace} && sed && rm ${said}`, admin);
    expect(planted).toMatchObject({ exit: { exitCode: 0 } });
    for (const user of [admin, aRun().user, ofTask]) await outputOf(spied, "true", user);
    await rebuild(spied);
    expect((await outputOf(spied, "id -u", aRun().user)).stdout).toBe("1900200\n");
    await expect(readFile(said)).rejects.toThrow("ENOENT");
  });

  test("links that an administrator leaves lead nowhere when the node is built again", async () => {
    await using misled = await startNode({ users: "auto", userIds: { first: 1_900_300, last: 1_900_310 } });
    const outside = join(misled.directory, "outside");
    await writeFile(outside, "secret");
    const script = `rm /etc/passwd; ln -s ${outside} /etc/passwd; rm -rf /srv; ln -s ${misled.directory} /srv`;
    await outputOf(misled, script, admin);
    await rebuild(misled);
    expect((await outputOf(misled, "cat /etc/passwd; ls /srv/", admin)).stdout).not.toMatch(/secret|outside/);
    expect(await readFile(outside, "utf8")).toBe("secret");
  });

  test("nobody reads or changes the memory of a shell that starts commands", async () => {
    const script = "for p in $(seq 2 300); do head -c 1 /proc/$p/mem >/dev/null 2>>err; done; ls -l /run/kyanite-shell";
    expect((await outputOf(node, `${script}; cat /run/kyanite-shell`)).stderr).toContain("Permission denied");
  });

  test("a variable that no shell can give reaches a command inside", async () => {
    const { directory } = aRun();
    const exit = await node.service.exit({
      directory,
      environment: { "not.a.name": "given" },
      commandLine: "/usr/bin/env",
    });
    expect(exit).toMatchObject({ kind: "exited", exitCode: 0 });
    const said = await readFile(join(node.root, directory, "stdout.txt"), "utf8");
    expect(said).toContain("not.a.name=given\n");
    expect(said).toContain(`PATH=${node.config.commandPath}\n`);
  });

  test("when the node's first process is killed everything in it ends, and the next run has another", async () => {
    const sleeper = await startSleeper(node);
    await rebuild(node);
    expect((await node.service.finished(sleeper.runId)).exit).toMatchObject({ kind: "exited", exitCode: 137 });
    expect(await outputOf(node, "whoami")).toMatchObject({ stdout: "_azbatch\n" });
  });

  test("a share is seen at its place", async () => {
    const share = await mkdtemp(join(tmpdir(), "kyanite-share-"));
    await chmod(share, 0o755);
    await writeFile(join(share, "data"), "shared");
    await node.service.setUp([], [{ path: "s", source: "s", directory: share }]);
    expect((await outputOf(node, "cat $AZ_BATCH_NODE_MOUNTS_DIR/s/data")).stdout).toBe("shared");
    await rm(share, { recursive: true });
  });
});

describe.skipIf(!hasUserNamespaces)("as an ordinary user", () => {
  const uid = 65_534;

  test("a task sees neither the data directory nor other processes of its user", async () => {
    await using agent = await startAgentProcess({ KYANITE_AGENT_USERS: "auto" }, uid);
    await agent.service.hello();
    const script = `id -u; cat ${agent.directory}/token; ls /proc/${agent.pid()}; kill ${agent.pid()}; echo $(ls /proc | grep -c ^[0-9]); cat /proc/1/environ; umount ${agent.directory}; exit 0`;
    const { stdout, stderr } = await outputOf(agent, script);
    expect(stdout).toMatch(/^65534\n\d\n$/);
    expect(stderr.match(/No such/g)).toHaveLength(3);
  });

  test("a task reaches no service that starts programs outside, nor the same one when it has been started again", async () => {
    const directory = await mkdtemp("/var/tmp/kyanite-runtime-");
    const socket = join(directory, "docker.sock");
    const start = async () => {
      const server = createServer((connection) => connection.destroy()).listen(socket);
      await once(server, "listening");
      for (const path of [directory, socket]) await chmod(path, 0o777);
      return server;
    };
    const first = await start();
    const settings = { KYANITE_AGENT_USERS: "auto", KYANITE_AGENT_CONTAINER_RUNTIME: socket };
    await using agent = await startAgentProcess(settings, uid);
    await agent.service.hello();
    const script = `test -S ${socket} && echo reached; find /run -type s -o -name 'user*'; touch /run/mine; exit 0`;
    expect((await outputOf(agent, script)).stdout).toBe("");
    first.close();
    await once(first, "close");
    const second = await start();
    expect((await outputOf(agent, script)).stdout).toBe("");
    second.close();
    await rm(directory, { recursive: true });
  });

  test("what a killed agent has left inside its walls goes on when it starts again, and ends on order", async () => {
    await using agent = await startAgentProcess({ KYANITE_AGENT_USERS: "auto" }, uid);
    await agent.service.hello();
    const sleeper = await startSleeper(agent);
    agent.kill("SIGKILL");
    await agent.exited();
    agent.start();
    await agent.service.hello(2);
    expect(processesWithVariable("KYANITE_RUN_ID", sleeper.runId)).toHaveLength(1);
    agent.service.order({ type: "cancel", runId: sleeper.runId });
    await agent.service.finished(sleeper.runId);
    expect(processesWithVariable("KYANITE_RUN_ID", sleeper.runId)).toHaveLength(0);
  });
});
