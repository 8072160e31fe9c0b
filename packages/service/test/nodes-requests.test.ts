import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { BatchServiceClient } from "@azure/batch";
import {
  aPool,
  batchClient,
  type RunningService,
  runningService,
  send,
  storageContainer,
  until,
} from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

vi.setConfig({ testTimeout: 120_000 });

let service: RunningService;
let client: BatchServiceClient;
let sshPort: number;
let node: string;

beforeAll(async () => {
  sshPort = await freePort();
  service = await runningService({ agentEnvironment: { KYANITE_AGENT_SSH_PORT: String(sshPort) } });
  client = batchClient(service);
  await client.pool.add(aPool("Asked", { startTask: { commandLine: "/bin/sh -c 'echo up; echo oops >&2'" } }));
  const [first] = await until(
    () => client.computeNode.list("Asked"),
    (all) => all[0]?.state === "idle",
    60,
  );
  node = first?.id ?? "";
});
afterAll(() => service[Symbol.asyncDispose]());

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => "no error",
    (error: { code?: string }) => error.code,
  );

describe("logs", () => {
  const longAgo = new Date("2020-01-01");

  test("of the agent and of the start task are uploaded to where the answer says", async () => {
    const { container, url, text } = await storageContainer(service, "logs");
    const { virtualDirectoryName, numberOfFilesUploaded } = await client.computeNode.uploadBatchServiceLogs(
      "Asked",
      node,
      { containerUrl: url, startTime: longAgo },
    );
    expect(virtualDirectoryName).toMatch(new RegExp(`^test-[0-9a-f]{16}/asked/${node}/[0-9a-f-]{36}$`));
    const blobs = await until(
      async () => {
        const names: string[] = [];
        for await (const { name } of container.listBlobsFlat()) names.push(name);
        return names;
      },
      ({ length }) => length === numberOfFilesUploaded,
    );
    expect(blobs.sort()).toEqual(
      ["agent.log", "startup/stderr.txt", "startup/stdout.txt"].map((name) => `${virtualDirectoryName}/${name}`),
    );
    expect(await text(`${virtualDirectoryName}/startup/stdout.txt`)).toBe("up\n");
    expect(await text(`${virtualDirectoryName}/agent.log`)).toContain("link open");
  });

  test("of another time are left out", async () => {
    const { url } = await storageContainer(service, "logs");
    const inTheFuture = await client.computeNode.uploadBatchServiceLogs("Asked", node, {
      containerUrl: url,
      startTime: new Date(Date.now() + 3_600_000),
    });
    expect(inTheFuture.numberOfFilesUploaded).toBe(0);
    const before = await client.computeNode.uploadBatchServiceLogs("Asked", node, {
      containerUrl: url,
      startTime: longAgo,
      endTime: new Date("2020-01-02"),
    });
    expect(before.numberOfFilesUploaded).toBe(0);
  });

  test("are refused for what cannot be uploaded to, and for nodes that cannot be asked", async () => {
    const upload = (body: object, nodeId = node, poolId = "Asked") =>
      send(client, "POST", `/pools/${poolId}/nodes/${nodeId}/uploadbatchservicelogs`, { body });
    const containerUrl = "https://account.blob.core.windows.net/logs?sig=x";
    const startTime = longAgo.toISOString();
    expect(await upload({ containerUrl: "nowhere", startTime })).toMatchObject({ code: "InvalidPropertyValue" });
    expect(await upload({ containerUrl, startTime, endTime: "2019-01-01T00:00:00Z" })).toMatchObject({
      code: "InvalidPropertyValue",
    });
    expect(await upload({ containerUrl, startTime, identityReference: { resourceId: "/x" } })).toMatchObject({
      code: "UnsupportedProperty",
    });
    expect(await upload({ containerUrl })).toMatchObject({ code: "MissingRequiredProperty" });
    expect(await upload({ containerUrl, startTime }, "tvm-none")).toMatchObject({ code: "NodeNotFound" });
    expect(await upload({ containerUrl, startTime }, node, "none")).toMatchObject({ code: "PoolNotFound" });
  });
});

describe("remote login", () => {
  test("is refused where no SSH server answers, and so is remote desktop", async () => {
    expect(await codeOf(client.computeNode.getRemoteLoginSettings("Asked", node))).toBe("OperationNotValidOnNode");
    const desktop = (id: string) => send(client, "GET", `/pools/Asked/nodes/${id}/rdp`, { version: "2022-10-01.16.0" });
    expect(await desktop(node)).toMatchObject({ status: 409, code: "OperationNotValidOnNode" });
    expect(await desktop("tvm-none")).toMatchObject({ status: 404, code: "NodeNotFound" });
    expect(await codeOf(client.computeNode.getRemoteLoginSettings("Asked", "tvm-none"))).toBe("NodeNotFound");
    expect(await codeOf(client.computeNode.getRemoteLoginSettings("none", node))).toBe("PoolNotFound");
  });

  const hasSshd = existsSync("/usr/sbin/sshd") && process.getuid?.() === 0;
  if (!hasSshd) console.warn("remote login is not tested with a real SSH server: there is none, or we are not root");

  test.skipIf(!hasSshd)("names the address at which an SSH server answers", async () => {
    await using _server = await startSshServer(sshPort);
    const settings = await until(
      () => client.computeNode.getRemoteLoginSettings("Asked", node).catch(() => undefined),
      (answer) => answer !== undefined,
    );
    expect(settings).toMatchObject({ remoteLoginIPAddress: "127.0.0.1", remoteLoginPort: sshPort });
  });

  test.skipIf(!hasSshd)("lets a person in whose account was made, under the name that it says", async () => {
    await using _server = await startSshServer(sshPort);
    await using home = await temporaryDirectory();
    const key = join(home.path, "key");
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
    await client.computeNode.addUser("Asked", node, { name: "ann", sshPublicKey: readFileSync(`${key}.pub`, "utf8") });
    const settings = await until(
      () => send(client, "GET", `/pools/Asked/nodes/${node}/remoteloginsettings`),
      ({ status }) => status === 200,
    );
    expect(settings.body).toMatchObject({ remoteLoginUserSuffix: expect.stringMatching(/^-[0-9a-f]{6}$/) });
    const name = `ann${JSON.stringify(settings.body).match(/"remoteLoginUserSuffix":"([^"]*)"/)?.[1]}`;
    const options = ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"];
    const args = ["-i", key, "-p", String(sshPort), ...options.flatMap((each) => ["-o", each]), `${name}@127.0.0.1`];
    const logIn = () => promisify(execFile)("ssh", [...args, "id -un"]).catch(() => ({ stdout: "" }));
    expect((await until(logIn, ({ stdout }) => stdout !== "")).stdout).toBe(`${name}\n`);
    await client.computeNode.deleteUser("Asked", node, "ann");
  });
});

async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "kyanite-sshd-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

/** A real one, that accepts nobody in particular. */
async function startSshServer(port: number): Promise<AsyncDisposable> {
  const directory = await temporaryDirectory();
  const hostKey = join(directory.path, "key");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", hostKey]);
  await chmod(hostKey, 0o600);
  await mkdir("/run/sshd", { recursive: true });
  const options = [`ListenAddress=127.0.0.1:${port}`, `HostKey=${hostKey}`, "PidFile=none"];
  const server: ChildProcess = spawn(
    "/usr/sbin/sshd",
    ["-D", "-e", "-f", "/dev/null", ...options.flatMap((each) => ["-o", each])],
    { stdio: "ignore" },
  );
  return {
    async [Symbol.asyncDispose]() {
      server.kill("SIGTERM");
      if (server.exitCode === null) await once(server, "exit");
      await directory[Symbol.asyncDispose]();
    },
  };
}

test("a node has no extensions", async () => {
  const extensions = `/pools/Asked/nodes/${node}/extensions`;
  expect((await send(client, "GET", extensions)).body).toMatchObject({ value: [] });
  expect(await send(client, "GET", `${extensions}/any`)).toMatchObject({ status: 404, code: "ResourceNotFound" });
  expect(await send(client, "GET", "/pools/Asked/nodes/none/extensions")).toMatchObject({ code: "NodeNotFound" });
  expect(await send(client, "GET", "/pools/none/nodes/none/extensions/any")).toMatchObject({ code: "PoolNotFound" });
});

test("a node that has been released cannot be asked", async () => {
  const path = `/pools/Asked/nodes/${node}`;
  await send(client, "POST", `${path}/deallocate`);
  const refused = { status: 409, code: "OperationNotValidOnNode" };
  const body = { containerUrl: "https://account.blob.core.windows.net/logs?sig=x", startTime: "2020-01-01T00:00:00Z" };
  await until(
    () => send(client, "GET", path),
    (answer) => JSON.stringify(answer.body).includes('"deallocated"'),
    60,
  );
  expect(await send(client, "POST", `${path}/uploadbatchservicelogs`, { body })).toMatchObject(refused);
  expect(await send(client, "GET", `${path}/remoteloginsettings`)).toMatchObject(refused);
});
