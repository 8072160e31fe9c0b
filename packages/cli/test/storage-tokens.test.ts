import { execFile, spawnSync } from "node:child_process";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createContainer, parseConnectionString, signUrl } from "@kyanite/storage";
import { type ServerProcess, startServerProcess, until } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

/** Published clients of blob storage that sign in by token, at a server as users start it. */

const program = fileURLToPath(new URL("../bin/kyanite.mjs", import.meta.url));
const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const run = promisify(execFile);
const python = spawnSync("/usr/bin/python3", ["-c", "import azure.identity, azure.storage.blob"]).status === 0;
if (!python) console.warn("Python's client of blob storage is not tested: Debian's python3-azure is not installed");

let directory: string;
let server: ServerProcess;
let environment: Record<string, string>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "kyanite-tokens-"));
  await chmod(directory, 0o711);
  server = await startServerProcess(["--data-dir", join(directory, "data"), "--http-port", "0", "--https-port", "0"]);
  environment = JSON.parse(await kyanite("env", "--json"));
});
afterAll(async () => {
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
});

const kyanite = async (...words: string[]) =>
  (await run(process.execPath, [program, ...words, "--data-dir", join(directory, "data")])).stdout;

async function newPrincipal(name: string, ...flags: string[]): Promise<Record<string, string>> {
  const printed = await kyanite("identity", "add", name, ...flags);
  return Object.fromEntries(printed.split("\n").flatMap((line) => [line.split("=")].filter(([key]) => key)));
}

/** A container with a blob in it, made with the account's key. */
async function sharedContainer(name: string): Promise<void> {
  const account = parseConnectionString(server.endpoints.storageConnectionString);
  await createContainer(account, name);
  const expiresOn = new Date(Date.now() + 3_600_000);
  const url = await signUrl(account, { container: name, blob: "shared.txt", permissions: "cw", expiresOn });
  const headers = { "x-ms-blob-type": "BlockBlob", "x-ms-version": "2024-11-04" };
  expect((await fetch(url, { method: "PUT", body: "shared", headers })).status).toBe(201);
}

async function outcomesOf(client: readonly [string, string], principal: Record<string, string>, container: string) {
  const { storageAccount, blobHttpsEndpoint, batchHttpsUrl } = server.endpoints;
  const [interpreter, source] = client;
  const { stdout } = await run(interpreter, [source, storageAccount, blobHttpsEndpoint, container], {
    env: { PATH: process.env.PATH, HOME: directory, ...environment, ...principal, AZURE_AUTHORITY_HOST: batchHttpsUrl },
  });
  return JSON.parse(stdout);
}

const javascript = [process.execPath, file("storage-client.mjs")] as const;
const denied = "403 AuthorizationPermissionMismatch";

describe("a program with a token", () => {
  test("that submits writes and reads, but decides not who else may", async () => {
    const submitter = await newPrincipal("submitter", "--role", "submitter");
    await sharedContainer("of-submitter");
    expect(await outcomesOf(javascript, submitter, "of-submitter")).toEqual({
      create: "409 ContainerAlreadyExists",
      write: 201,
      read: "shared",
      list: ["a.txt", "shared.txt"],
      makePublic: denied,
      policies: denied,
      signed: "shared",
      signedWrite: 201,
      signature: expect.any(String),
      batch: [202],
    });
  });

  test("that reads does only that, whatever it signs", async () => {
    const reader = await newPrincipal("reader", "--role", "reader");
    await sharedContainer("of-reader");
    expect(await outcomesOf(javascript, reader, "of-reader")).toEqual({
      create: denied,
      write: denied,
      read: "shared",
      list: ["shared.txt"],
      makePublic: denied,
      policies: denied,
      signed: "shared",
      signedWrite: denied,
      signature: expect.any(String),
      batch: [denied],
    });
  });

  test("of an owner does everything, until the owner is removed, and so do signatures", async () => {
    const owner = await newPrincipal("owner");
    await sharedContainer("of-owner");
    const { signature, ...outcomes } = await outcomesOf(javascript, owner, "of-owner");
    expect(outcomes).toMatchObject({ write: 201, makePublic: 201, policies: 200, signed: "shared", batch: [202] });
    const signed = async () =>
      (await fetch(`${server.endpoints.blobEndpoint}/of-owner/shared.txt?${signature}`)).status;
    expect(await signed()).toBe(200);
    const token = await tokenFor(owner, "https://storage.azure.com/.default");
    expect(await statusAtStorage(token)).toBe(200);
    await kyanite("identity", "remove", "owner");
    await until(signed, (status) => status === 403);
    expect(await statusAtStorage(token)).toBe(403);
  });

  test("of a principal of one Batch account opens nothing, since all of them keep their files there", async () => {
    const limited = await newPrincipal("limited", "--account", "local");
    expect(await statusAtStorage(await tokenFor(limited, "https://storage.azure.com/.default"))).toBe(403);
  });

  test("for Batch opens no blobs, and one for blobs opens neither Batch nor the management plane", async () => {
    const other = await newPrincipal("other");
    for (const resource of ["https://batch.core.windows.net/", "https://management.azure.com/"])
      expect(await statusAtStorage(await tokenFor(other, `${resource}.default`))).toBe(401);
    const { storageAccount } = server.endpoints;
    for (const resource of ["https://storage.azure.com/", `https://${storageAccount}.blob.core.windows.net`]) {
      const token = await tokenFor(other, `${resource}/.default`);
      expect(await statusAtStorage(token)).toBe(200);
      const headers = { authorization: `Bearer ${token}` };
      const { batchUrl } = server.endpoints;
      expect((await fetch(`${batchUrl}/pools?api-version=2024-07-01.20.0`, { headers })).status).toBe(403);
      expect((await fetch(`${batchUrl}/subscriptions?api-version=2022-12-01`, { headers })).status).toBe(401);
    }
    await expect(tokenFor(other, "https://strangers.blob.core.windows.net/.default")).rejects.toThrow("invalid_scope");
  });

  test.skipIf(!python)("works with Python's client as well", async () => {
    const submitter = await newPrincipal("python", "--role", "submitter");
    await sharedContainer("of-python");
    // Its batches leave out an account that is in the path of a URL: see the test of redirects.
    const { batch, ...outcomes } = await outcomesOf(
      ["/usr/bin/python3", file("storage_client.py")],
      submitter,
      "of-python",
    );
    expect(outcomes).toEqual({
      create: "409 ContainerAlreadyExists",
      write: 201,
      share: "409 BlobAlreadyExists",
      read: "shared",
      list: ["a.txt", "shared.txt"],
      signed: "shared",
    });
  });
});

async function tokenFor(principal: Record<string, string>, scope: string): Promise<string> {
  const form = {
    grant_type: "client_credentials",
    client_id: principal.AZURE_CLIENT_ID ?? "",
    client_secret: principal.AZURE_CLIENT_SECRET ?? "",
    scope,
  };
  const answer = await fetch(`${server.endpoints.batchUrl}/adfs/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams(form),
  });
  const { access_token: token, error } = JSON.parse(await answer.text());
  if (error) throw new Error(error);
  return token;
}

/** Of listing all containers over HTTPS. */
async function statusAtStorage(token: string): Promise<number> {
  const ask = `fetch(process.argv[1], { headers: JSON.parse(process.argv[2]) }).then((r) => console.log(r.status))`;
  const headers = JSON.stringify({ authorization: `Bearer ${token}`, "x-ms-version": "2024-11-04" });
  const url = `${server.endpoints.blobHttpsEndpoint}?comp=list`;
  const { stdout } = await run(process.execPath, ["-e", ask, url, headers], {
    env: { ...process.env, ...environment },
  });
  return Number(stdout);
}
