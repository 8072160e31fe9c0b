import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { BatchServiceClient } from "@azure/batch";
import { signalProcess } from "@kyanite/runtime";
import { agentOfNode, aPool, batchClient, type RunningService, runningService, send, until } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

vi.setConfig({ testTimeout: 120_000 });

const isRoot = process.getuid?.() === 0 && process.platform === "linux";
if (!isRoot) console.warn("users of nodes are not tested: only root can make them");

let service: RunningService;
let client: BatchServiceClient;
const patience = 60;

beforeAll(async () => {
  service = await runningService();
  client = batchClient(service);
});
afterAll(async () => {
  // Users of the machine have to go with their nodes, also when a test has failed.
  const nodes = await service.database<{ id: string }[]>`select id from node`;
  for (const { id = "" } of await client.pool.list()) await client.pool.deleteMethod(id).catch(() => {});
  await usersBecome(
    nodes.map(({ id }) => id),
    ({ length }) => length === 0,
  ).finally(() => service[Symbol.asyncDispose]());
});

const sh = (script: string) => `/bin/sh -c '${script}'`;

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => "no error",
    (error: { code?: string }) => error.code,
  );

async function poolWithNodes(id: string, more: object = {}): Promise<readonly string[]> {
  await client.pool.add(aPool(id, more));
  await client.job.add({ id, poolInfo: { poolId: id } });
  const nodes = await until(
    () => client.computeNode.list(id),
    (all) => all.length > 0 && all.every(({ state }) => state === "idle"),
    patience,
  );
  return nodes.map((node) => node.id ?? "");
}

async function outputOf(jobId: string, task: { id: string; commandLine: string; userIdentity?: object }) {
  await client.task.add(jobId, task);
  const { executionInfo } = await until(
    () => client.task.get(jobId, task.id),
    ({ state }) => state === "completed",
    patience,
  );
  if (executionInfo?.result !== "success") return executionInfo?.failureInfo?.code;
  const { readableStreamBody } = await client.file.getFromTask(jobId, task.id, "stdout.txt");
  return readableStreamBody && text(readableStreamBody);
}

interface MachineUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly password: string;
  /** Days since 1970, empty when it never expires. */
  readonly expires: string;
}

const lines = (file: string) => readFileSync(file, "utf8").trim().split("\n");

/** The users that the nodes with these ids have on this machine. */
function machineUsers(...nodeIds: readonly string[]): MachineUser[] {
  return lines("/etc/passwd").flatMap((line) => {
    const [name = "", , uid, gid, , home = ""] = line.split(":");
    if (!nodeIds.some((id) => home.includes(`/${id}/`))) return [];
    const [, password = "", , , , , , expires = ""] =
      lines("/etc/shadow")
        .map((each) => each.split(":"))
        .find(([each]) => each === name) ?? [];
    return [{ name, uid: Number(uid), gid: Number(gid), home, password, expires }];
  });
}

const usersBecome = (nodeIds: readonly string[], isWanted: (users: readonly MachineUser[]) => boolean) =>
  until(async () => machineUsers(...nodeIds), isWanted, patience);

/** Whether a password is the one of a hash, as the system itself sees it. */
const isPasswordOf = (password: string, hash: string) =>
  execFileSync("perl", ["-e", "print crypt($ARGV[0], $ARGV[1])", password, hash]).toString() === hash;

const days = (date: Date) => Math.floor(date.getTime() / 86_400_000);

async function deletePool(id: string): Promise<void> {
  await client.pool.deleteMethod(id);
  await until(
    () => client.pool.exists(id),
    ({ body }) => body === false,
    patience,
  );
}

describe.skipIf(!isRoot)("accounts of a pool", () => {
  const userAccounts = [
    { name: "plain", password: "kept$ecret" },
    { name: "chief", password: "x", elevationLevel: "admin" as const },
    { name: "fixed", password: "x", linuxUserConfiguration: { uid: 70_001, gid: 70_002 } },
    { name: "low", password: "x", linuxUserConfiguration: { uid: 1, gid: 27 } },
  ];

  test("are made on each node, run tasks, are never shown, and go with the pool", async () => {
    const nodes = await poolWithNodes("accounts", { targetDedicatedNodes: 2, userAccounts });
    const users = machineUsers(...nodes);
    expect(users.length).toBe(8);
    expect(new Set(users.map(({ name }) => name)).size).toBe(8);
    const [plain] = users.filter(({ name }) => name.startsWith("plain-"));
    expect(isPasswordOf("kept$ecret", plain?.password ?? "")).toBe(true);
    expect(JSON.stringify(await client.pool.get("accounts"))).not.toContain("ecret");
    expect(JSON.stringify(await service.database`select spec from pool`)).not.toContain("ecret");

    const asUser = (username: string) =>
      outputOf("accounts", {
        id: username,
        commandLine: sh("id -un; id -u; id -g; touch new"),
        userIdentity: { userName: username },
      });
    expect(await asUser("plain")).toMatch(/^plain-[0-9a-f]{6}\n/);
    expect(await asUser("fixed")).toMatch(/-[0-9a-f]{6}\n70001\n70002\n$/);
    // Ids of the machine's own users and groups give an account none of their rights.
    expect(await asUser("low")).toMatch(/^low-[0-9a-f]{6}\n\d{4,}\n\d{4,}\n$/);
    expect(await asUser("chief")).toMatch(/^chief-/);
    expect(await asUser("root")).toBe("CommandLaunchFailed");
    expect(await asUser("nobody")).toBe("CommandLaunchFailed");
    if (existsSync("/etc/sudoers.d"))
      for (const { name } of users)
        expect(existsSync(`/etc/sudoers.d/kyanite-${name}`)).toBe(name.startsWith("chief-"));

    await deletePool("accounts");
    await usersBecome(nodes, ({ length }) => length === 0);
    for (const { name } of users) expect(existsSync(`/etc/sudoers.d/kyanite-${name}`)).toBe(false);
    expect(spawnSync("getent", ["group", "70002"]).status).toBe(2);
  });

  test("are there again after a reimage, and before the start task runs as one of them", async () => {
    const startTask = { commandLine: sh("id -un > name"), userIdentity: { userName: "plain" }, waitForSuccess: true };
    const [node = ""] = await poolWithNodes("accounts-reimage", { userAccounts, startTask });
    const before = await client.computeNode.get("accounts-reimage", node);
    expect(await send(client, "POST", `/pools/accounts-reimage/nodes/${node}/reimage`)).toMatchObject({ status: 202 });
    const after = await until(
      () => client.computeNode.get("accounts-reimage", node),
      ({ state, lastBootTime }) => state === "idle" && lastBootTime?.getTime() !== before.lastBootTime?.getTime(),
      patience,
    );
    expect(after.startTaskInfo).toMatchObject({ result: "success" });
    const [user] = machineUsers(node).filter(({ name }) => name.startsWith("plain-"));
    expect(readFileSync(join(service.nodesDirectory, node, "root/startup/wd/name"), "utf8")).toBe(`${user?.name}\n`);
    await deletePool("accounts-reimage");
    await usersBecome([node], ({ length }) => length === 0);
  });

  test("go with their node even when its agent does not answer", async () => {
    const [node = ""] = await poolWithNodes("accounts-killed", { userAccounts });
    expect(machineUsers(node).length).toBe(userAccounts.length);
    const agent = await agentOfNode(service.nodesDirectory, node);
    if (!agent) throw new Error("no agent");
    signalProcess(agent, "SIGSTOP");
    await client.pool.deleteMethod("accounts-killed");
    await usersBecome([node], ({ length }) => length === 0);
  });

  test("log in from node to node with the key that they were given", async () => {
    const directory = await mkdtemp(join(tmpdir(), "kyanite-key-"));
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", join(directory, "key")]);
    const sshPrivateKey = readFileSync(join(directory, "key"), "utf8");
    const publicKey = readFileSync(join(directory, "key.pub"), "utf8").trim();
    const account = { name: "walker", password: "x", linuxUserConfiguration: { sshPrivateKey } };
    const [node = ""] = await poolWithNodes("walk", { enableInterNodeCommunication: true, userAccounts: [account] });
    const [user] = machineUsers(node);
    const file = (name: string) => join(user?.home ?? "", ".ssh", name);
    expect(readFileSync(file("id_rsa"), "utf8")).toBe(sshPrivateKey);
    expect(readFileSync(file("authorized_keys"), "utf8").trim()).toBe(publicKey);
    expect(statSync(file("id_rsa"))).toMatchObject({ uid: user?.uid, mode: 0o100600 });
    await deletePool("walk");
    await rm(directory, { recursive: true });
  });

  test("that cannot be made leave the node of no use, and say why", async () => {
    const nobody = { name: "thief", password: "x", linuxUserConfiguration: { uid: 65_534, gid: 65_534 } };
    await client.pool.add(aPool("accounts-stolen", { userAccounts: [nobody] }));
    const [node] = await until(
      () => client.computeNode.list("accounts-stolen"),
      (all) => all[0]?.state === "unusable",
      patience,
    );
    expect(node?.errors).toMatchObject([{ code: "UserAccountError" }]);
    expect(JSON.stringify(node?.errors)).toContain("belongs to nobody");
    await deletePool("accounts-stolen");
    expect(machineUsers(node?.id ?? "")).toEqual([]);
  });

  test("are refused when they break a rule", async () => {
    const add = async (...userAccounts: readonly object[]) =>
      (await send(client, "POST", "/pools", { body: aPool("accounts-wrong", { userAccounts }) })).code;
    expect(await add({ name: "a", password: "x" }, { name: "a", password: "x" })).toBe("InvalidPropertyValue");
    expect(await add({ name: "../a", password: "x" })).toBe("InvalidPropertyValue");
    expect(await add({ name: "a", password: "x", linuxUserConfiguration: { uid: 5000 } })).toBe("InvalidPropertyValue");
    expect(await add({ name: "a", password: "x", linuxUserConfiguration: { uid: 0, gid: 0 } })).toBe(
      "InvalidPropertyValue",
    );
    expect(await add({ name: "a", password: "x", linuxUserConfiguration: { uid: 1000, gid: 0 } })).toBe(
      "InvalidPropertyValue",
    );
  });
});

describe.skipIf(!isRoot)("people's accounts on a node", () => {
  const key = `ssh-ed25519 ${Buffer.from("\0\0\0\u000bssh-ed25519\0\0\0 0123456789abcdef0123456789abcdef").toString("base64")}`;

  test("are made, changed and deleted on request", async () => {
    const [node = ""] = await poolWithNodes("people");
    const expiryTime = new Date(Date.now() + 10 * 86_400_000);
    await client.computeNode.addUser("people", node, { name: "Ann", password: "first", isAdmin: true, expiryTime });
    const [made] = await usersBecome([node], ([user]) => user !== undefined && user.expires !== "");
    expect(made?.name).toMatch(/^Ann-[0-9a-f]{6}$/);
    expect(isPasswordOf("first", made?.password ?? "")).toBe(true);
    expect(Number(made?.expires)).toBe(days(expiryTime) + 1);
    expect(await codeOf(client.computeNode.addUser("people", node, { name: "Ann", password: "x" }))).toBe(
      "NodeUserExists",
    );

    await client.computeNode.updateUser("people", node, "Ann", { sshPublicKey: `${key} ann@home` });
    const tomorrow = String(days(new Date(Date.now() + 86_400_000)) + 1);
    const [changed] = await usersBecome([node], ([user]) => user?.password === "*" && user.expires === tomorrow);
    expect(changed?.uid).toBe(made?.uid);
    await until(
      async () => readFileSync(join(changed?.home ?? "", ".ssh/authorized_keys"), "utf8"),
      (it) => it === `${key}\n`,
    );

    await client.computeNode.reboot("people", node);
    await until(
      () => client.computeNode.get("people", node),
      ({ state }) => state === "idle",
      patience,
    );
    expect(machineUsers(node)).toMatchObject([{ name: made?.name }]);

    await client.computeNode.deleteUser("people", node, "Ann");
    await usersBecome([node], ({ length }) => length === 0);
    expect(await codeOf(client.computeNode.deleteUser("people", node, "Ann"))).toBe("NodeUserNotFound");
    expect(await codeOf(client.computeNode.updateUser("people", node, "Ann", { password: "x" }))).toBe(
      "NodeUserNotFound",
    );
  });

  test("go when their time is over", async () => {
    const [node = ""] = await poolWithNodes("guests");
    await client.computeNode.addUser("guests", node, { name: "guest", password: "x" });
    await usersBecome([node], ({ length }) => length === 1);
    await service.database`update node_user set expiry_time = now() - interval '1 second' where name = 'guest'`;
    await usersBecome([node], ({ length }) => length === 0);
  });

  test("are gone after a reimage", async () => {
    const [node = ""] = await poolWithNodes("movers");
    await client.computeNode.addUser("movers", node, { name: "mover", sshPublicKey: key });
    await usersBecome([node], ({ length }) => length === 1);
    await send(client, "POST", `/pools/movers/nodes/${node}/reimage`);
    await usersBecome([node], ({ length }) => length === 0);
    await until(
      () => client.computeNode.get("movers", node),
      ({ state }) => state === "idle",
      patience,
    );
    expect(await codeOf(client.computeNode.deleteUser("movers", node, "mover"))).toBe("NodeUserNotFound");
  });

  test("are refused when they break a rule, or the node is not there or not up", async () => {
    const [node = ""] = await poolWithNodes("strict");
    const add = (body: object, nodeId = node, poolId = "strict") =>
      send(client, "POST", `/pools/${poolId}/nodes/${nodeId}/users`, { body });
    const wrong = { status: 400, code: "InvalidPropertyValue" };
    expect(await add({ name: "ann" })).toMatchObject(wrong);
    expect(await add({ name: "a:b", password: "x" })).toMatchObject(wrong);
    expect(await add({ name: "ann", password: "x", expiryTime: "2020-01-01T00:00:00Z" })).toMatchObject(wrong);
    for (const sshPublicKey of ["nonsense", "ssh-rsa AAAA", `ssh-rsa ${key.split(" ")[1]}`])
      expect(await add({ name: "ann", sshPublicKey })).toMatchObject(wrong);
    expect(await add({ name: "ann", password: "x" }, "tvm-none")).toMatchObject({ status: 404, code: "NodeNotFound" });
    expect(await add({ name: "ann", password: "x" }, node, "none")).toMatchObject({
      status: 404,
      code: "PoolNotFound",
    });
    await client.computeNode.disableScheduling("strict", node);
    expect(await add({ name: "ann", password: "x" })).toMatchObject({ status: 409, code: "OperationNotValidOnNode" });
  });
});

test("a node whose agent may not make accounts says so, and its tasks run as the agent's own user", async () => {
  await using own = await runningService({ agentEnvironment: { KYANITE_AGENT_USERS: "off" } });
  client = batchClient(own);
  try {
    const [node = ""] = await poolWithNodes("unprivileged", { userAccounts: [{ name: "plain", password: "x" }] });
    expect(await codeOf(client.computeNode.addUser("unprivileged", node, { name: "ann", password: "x" }))).toBe(
      "OperationNotValidOnNode",
    );
    const as = (id: string, username: string) =>
      outputOf("unprivileged", { id, commandLine: "id -u", userIdentity: { userName: username } });
    expect(await as("known", "plain")).toBe(`${process.getuid?.()}\n`);
    expect(await as("unknown", "stranger")).toBe("CommandLaunchFailed");
  } finally {
    client = batchClient(service);
  }
});
