import { execFile } from "node:child_process";
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ClientSecretCredential } from "@azure/identity";
import { batchClient, firstGroup, type ServerProcess, startServerProcess, until } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

const program = fileURLToPath(new URL("../bin/kyanite.mjs", import.meta.url));
const run = promisify(execFile);
let directory: string;
let server: ServerProcess;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "kyanite-identity-"));
  await chmod(directory, 0o711);
  server = await startServerProcess(["--data-dir", join(directory, "data"), "--http-port", "0", "--https-port", "0"]);
});
afterAll(async () => {
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
});

const identity = (...args: string[]) =>
  run(process.execPath, [program, "identity", ...args, "--data-dir", join(directory, "data")]);

test("a service principal signs in over HTTPS with Azure's own library, and its token opens the account", async () => {
  const { stdout } = await identity("add", "ci", "--role", "reader");
  const printed = (name: string) => new RegExp(`^${name}=(.+)$`, "m").exec(stdout)?.[1] ?? "";
  const ca = await readFile(server.endpoints.caCertificate, "utf8");
  const credential = new ClientSecretCredential(
    printed("AZURE_TENANT_ID"),
    printed("AZURE_CLIENT_ID"),
    printed("AZURE_CLIENT_SECRET"),
    { authorityHost: server.endpoints.batchHttpsUrl, disableInstanceDiscovery: true, tlsOptions: { ca } },
  );
  const { token } = await credential.getToken("https://batch.core.windows.net//.default");
  const url = `${server.endpoints.batchHttpsUrl}/pools?api-version=2024-07-01.20.0`;
  const status = await new Promise((resolve, reject) => {
    get(url, { ca, headers: { authorization: `Bearer ${token}` } }, ({ statusCode }) => resolve(statusCode)).on(
      "error",
      reject,
    );
  });
  expect(status).toBe(200);
});

test("a regenerated key of the account is the one that clients are told of", async () => {
  const { stdout } = await identity("add", "owner");
  const printed = (name: string) => new RegExp(`^${name}=(.+)$`, "m").exec(stdout)?.[1] ?? "";
  const { batchUrl, account, accountKey } = server.endpoints;
  const form = {
    grant_type: "client_credentials",
    client_id: printed("AZURE_CLIENT_ID"),
    client_secret: printed("AZURE_CLIENT_SECRET"),
    resource: "https://management.azure.com/",
  };
  const signedIn = await fetch(`${batchUrl}/adfs/oauth2/token`, { method: "POST", body: new URLSearchParams(form) });
  const { access_token: token } = JSON.parse(await signedIn.text());
  const { subscriptionId, resourceGroup } = firstGroup;
  const path = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Batch/batchAccounts/${account}`;
  const answer = await fetch(`${batchUrl}${path}/regenerateKeys?api-version=2023-11-01`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ keyName: "Primary" }),
  });
  const { primary } = JSON.parse(await answer.text());
  expect(primary).not.toBe(accountKey);
  const env = () => run(process.execPath, [program, "env", "--data-dir", join(directory, "data")]);
  await until(env, ({ stdout: exports }) => exports.includes(`AZURE_BATCH_ACCESS_KEY='${primary}'`));
  expect(await batchClient({ url: batchUrl, account: { name: account, key: primary } }).pool.list()).toHaveLength(0);
});

test("service principals are listed without their secrets, and removed", async () => {
  const { stdout } = await identity("add", "other", "--account", "local");
  const secret = /AZURE_CLIENT_SECRET=(\S+)/.exec(stdout)?.[1] ?? "";
  const listed = (await identity("list")).stdout;
  expect(listed).toMatch(/^NAME +ROLE +ACCOUNT +CLIENT ID\n/);
  expect(listed).toMatch(/^other {2,}owner {2,}local {2,}[0-9a-f-]{36}$/m);
  expect(listed).not.toContain(secret);
  await identity("remove", "other");
  expect((await identity("list")).stdout).not.toContain("other");
  await expect(identity("remove", "other")).rejects.toThrow(/there is no service principal other/);
});
