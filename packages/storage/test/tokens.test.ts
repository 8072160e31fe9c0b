import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BlobServiceClient } from "@azure/storage-blob";
import { createLog, systemClock } from "@kyanite/runtime";
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createContainer } from "../src/containers.ts";
import { type EmbeddedStorage, startEmbeddedStorage } from "../src/embedded.ts";
import type { StorageRole, Trust } from "../src/trust.ts";

/** Bearer tokens as strangers make them: the authority's keys are the test's own. */

const principal = randomUUID();
let signingKey: CryptoKey;
let publicPem: string;
let keys: Trust["keys"];
let ca: string;
let directory: string;
let storage: EmbeddedStorage;
let start: () => Promise<EmbeddedStorage>;

const trustIn = (role: StorageRole | undefined, more: Partial<Trust> = {}): Trust => ({
  authority: "https://server.example/adfs",
  keys,
  principals: role === undefined ? {} : { [principal]: role },
  ...more,
});

async function newKey(kid: string) {
  const pair = await generateKeyPair("RS256", { extractable: true });
  const key = { ...(await exportJWK(pair.publicKey)), kid, alg: "RS256", use: "sig" };
  return { key, privateKey: pair.privateKey, publicPem: await exportSPKI(pair.publicKey) };
}

beforeAll(async () => {
  const made = await newKey("one");
  signingKey = made.privateKey;
  publicPem = made.publicPem;
  keys = [made.key];
  directory = await mkdtemp(join(tmpdir(), "kyanite-test-"));
  const [certificateFile, keyFile] = [join(directory, "server.pem"), join(directory, "server.key")];
  const names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
  const words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test", "-addext", names];
  execFileSync("openssl", [...words, "-keyout", keyFile, "-out", certificateFile], { stdio: "ignore" });
  ca = await readFile(certificateFile, "utf8");
  start = () =>
    startEmbeddedStorage({
      directory: join(directory, "storage"),
      https: { host: "127.0.0.1", port: 0, certificateFile, keyFile },
      environment: {},
      clock: systemClock,
      log: createLog("silent"),
    });
  storage = await start();
  await createContainer(storage.account, "files");
});
afterAll(async () => {
  await storage?.stop();
  await rm(directory, { recursive: true, force: true });
});

interface Parts {
  readonly aud?: string;
  readonly iss?: string;
  readonly sub?: string;
  readonly starts?: string;
  readonly expires?: string;
  readonly kid?: string;
  readonly key?: CryptoKey;
}

const claims = (parts: Parts = {}) => {
  const { iss = "https://127.0.0.1:1/adfs", aud = "https://storage.azure.com", sub = principal } = parts;
  return { iss, aud, sub, oid: sub, tid: "adfs" };
};

const token = (parts: Parts = {}) =>
  new SignJWT(claims(parts))
    .setProtectedHeader({ alg: "RS256", kid: parts.kid ?? "one" })
    .setIssuedAt()
    .setNotBefore(parts.starts ?? "-1s")
    .setExpirationTime(parts.expires ?? "1h")
    .sign(parts.key ?? signingKey);

interface Answer {
  readonly status: number | undefined;
  readonly code: string | undefined;
  readonly detail: string | undefined;
  readonly challenge: string | undefined;
}

/** Lists the blobs of the container, or whatever is asked. */
function ask(authorization: string, { path = "/files?restype=container&comp=list", method = "GET", body = "" } = {}) {
  const headers = { authorization, "x-ms-version": "2024-11-04", ...(body && { "content-type": "application/xml" }) };
  const url = `${storage.account.blobHttpsEndpoint}${path}`;
  return new Promise<Answer>((resolve, reject) => {
    const asking = request(url, { ca, method, headers }, async (response) => {
      const text = (await response.toArray()).join("");
      const inTag = (name: string) => new RegExp(`<${name}>([^<]*)`).exec(text)?.[1];
      const { "www-authenticate": challenge } = response.headers;
      resolve({
        status: response.statusCode,
        code: inTag("Code"),
        detail: inTag("AuthenticationErrorDetail"),
        challenge,
      });
    });
    asking.on("error", reject).end(body);
  });
}

const refused = (detail: RegExp) => ({
  status: 401,
  code: "InvalidAuthenticationInfo",
  detail: expect.stringMatching(detail),
  challenge:
    "Bearer authorization_uri=https://server.example/adfs/oauth2/authorize resource_id=https://storage.azure.com",
});

describe("a bearer token", () => {
  test("opens what its principal may do, by whatever host its client found the authority", async () => {
    await storage.believe(trustIn("reader"));
    for (const iss of ["https://127.0.0.1:1/adfs", "https://login.microsoftonline.com/adfs"])
      expect(await ask(`Bearer ${await token({ iss })}`)).toMatchObject({ status: 200 });
    for (const aud of ["https://storage.azure.com/", "https://kyanite.blob.core.windows.net"])
      expect(await ask(`bearer ${await token({ aud })}`)).toMatchObject({ status: 200 });
    const writing = await ask(`Bearer ${await token()}`, { path: "/more?restype=container", method: "PUT" });
    expect(writing).toMatchObject({ status: 403, code: "AuthorizationPermissionMismatch" });
  });

  test("is nothing when it is not what the authority has signed", async () => {
    await storage.believe(trustIn("owner"));
    const foreign = await newKey("one");
    const [header = "", payload = "", signature = ""] = (await token()).split(".");
    const altered = Buffer.from(JSON.stringify({ ...JSON.parse(String(Buffer.from(payload, "base64url"))), more: 1 }));
    const inAnHour = new Date(systemClock.now().getTime() + 3_600_000);
    const withPublicKey = new SignJWT(claims()).setProtectedHeader({ alg: "HS256", kid: "one" }).setNotBefore("-1s");
    const unsigned = new UnsecuredJWT(claims()).setNotBefore("-1s").setExpirationTime(inAnHour).encode();
    const bad = [
      unsigned,
      `${Buffer.from('{"alg":"none","kid":"one"}').toString("base64url")}.${payload}.`,
      `${header}.${payload}.`,
      await withPublicKey.setExpirationTime(inAnHour).sign(new TextEncoder().encode(publicPem)),
      await token({ key: foreign.privateKey }),
      await token({ kid: "another" }),
      `${header}.${altered.toString("base64url")}.${signature}`,
      "abc",
      "",
      "..",
    ];
    for (const each of bad) expect(await ask(`Bearer ${each}`)).toEqual(refused(/^Signature validation failed/));
  });

  test("is nothing before its time, after it, without one, and for somebody else", async () => {
    await storage.believe(trustIn("owner"));
    const expired = await token({ starts: "-3h", expires: "-2h" });
    expect(await ask(`Bearer ${expired}`)).toEqual(refused(/^Lifetime validation failed. The token is expired/));
    expect(await ask(`Bearer ${await token({ starts: "1h", expires: "2h" })}`)).toEqual(refused(/^Lifetime/));
    const endless = new SignJWT(claims()).setProtectedHeader({ alg: "RS256", kid: "one" }).setNotBefore("-1s");
    expect(await ask(`Bearer ${await endless.sign(signingKey)}`)).toEqual(refused(/^Lifetime/));
    for (const aud of ["https://batch.core.windows.net/", "https://other.blob.core.windows.net"])
      expect(await ask(`Bearer ${await token({ aud })}`)).toEqual(refused(/^Audience validation failed/));
    for (const iss of ["https://127.0.0.1:1/common", "adfs"])
      expect(await ask(`Bearer ${await token({ iss })}`)).toEqual(refused(/^Issuer validation failed/));
  });

  test("does nothing either that needs a body, or in a public container", async () => {
    const wrong = `Bearer ${await token({ expires: "-2h", starts: "-3h" })}`;
    const path = "/files/a.txt";
    expect(await ask(wrong, { path, method: "PUT", body: "x".repeat(100_000) })).toEqual(refused(/^Lifetime/));
    await storage.believe(trustIn("owner"));
    expect(await ask(`Bearer ${await token()}`, { path })).toMatchObject({ status: 404 });
  });

  test("is refused over HTTP, where others would see it", async () => {
    await storage.believe(trustIn("owner"));
    const headers = { authorization: `Bearer ${await token()}`, "x-ms-version": "2024-11-04" };
    const answer = await fetch(`${storage.account.blobEndpoint}/files?restype=container&comp=list`, { headers });
    expect(answer).toMatchObject({ status: 403 });
    expect(answer.headers.get("x-ms-error-code")).toBe("AuthenticationFailed");
    expect(await answer.text()).toContain("Authentication scheme Bearer is not allowed with HTTP.");
  });

  test("is looked at in each request of a batch by itself", async () => {
    await storage.believe(trustIn("owner"));
    const expired = await token({ starts: "-3h", expires: "-2h" });
    const lines = ["--b", "Content-Type: application/http", "Content-Transfer-Encoding: binary", "Content-ID: 0", ""];
    const inner = ["DELETE /kyanite/files/a.txt HTTP/1.1", `Authorization: Bearer ${expired}`, "Content-Length: 0", ""];
    const body = [...lines, ...inner, "--b--", ""].join("\r\n");
    const headers = {
      authorization: `Bearer ${await token()}`,
      "x-ms-version": "2024-11-04",
      "content-type": "multipart/mixed; boundary=b",
      "content-length": String(body.length),
    };
    const answer = await new Promise<string>((resolve, reject) => {
      const url = `${storage.account.blobHttpsEndpoint}?comp=batch`;
      request(url, { ca, method: "POST", headers }, async (response) => resolve((await response.toArray()).join("")))
        .on("error", reject)
        .end(body);
    });
    expect(answer).toContain("HTTP/1.1 401");
    expect(answer).toContain("InvalidAuthenticationInfo");
  });

  test("is nothing from the moment that its principal is removed, or its key replaced", async () => {
    const bearer = `Bearer ${await token()}`;
    await storage.believe(trustIn("owner"));
    expect(await ask(bearer)).toMatchObject({ status: 200 });
    await storage.believe(trustIn(undefined));
    expect(await ask(bearer)).toMatchObject({ status: 403, code: "AuthorizationPermissionMismatch" });
    const { key, privateKey } = await newKey("two");
    await storage.believe(trustIn("owner", { keys: [key] }));
    expect(await ask(bearer)).toMatchObject({ status: 401 });
    expect(await ask(`Bearer ${await token({ key: privateKey, kid: "two" })}`)).toMatchObject({ status: 200 });
  });

  test("goes on being good when the server that said so is gone, and at the storage that comes after", async () => {
    await storage.believe(trustIn("owner"));
    const bearer = `Bearer ${await token()}`;
    const adopted = await start();
    expect(adopted.isAdopted).toBe(true);
    await storage.stop();
    await storage.restart();
    storage = await start();
    expect(await ask(bearer)).toMatchObject({ status: 200 });
    await storage.believe(trustIn(undefined));
    expect(await ask(bearer)).toMatchObject({ status: 403 });
  });
});

test("a user delegation key is for seven days at most, and nobody gets one with the account's key", async () => {
  await storage.believe(trustIn("reader"));
  const inHours = (hours: number) => new Date(systemClock.now().getTime() + hours * 3_600_000);
  const keyFor = async (times: string) => {
    const body = `<?xml version="1.0"?><KeyInfo>${times}</KeyInfo>`;
    const path = "?restype=service&comp=userdelegationkey";
    return ask(`Bearer ${await token()}`, { path, method: "POST", body });
  };
  const until = (hours: number) =>
    keyFor(`<Start>2026-01-01T00:00:00Z</Start><Expiry>${inHours(hours).toISOString()}</Expiry>`);
  expect(await until(1)).toMatchObject({ status: 200 });
  expect(await until(8 * 24)).toMatchObject({ status: 400, code: "InvalidXmlNodeValue" });
  expect(await keyFor("<Start>soon</Start><Expiry>later</Expiry>")).toMatchObject({ status: 400 });
  const byKey = BlobServiceClient.fromConnectionString(storage.account.connectionString);
  const asked = byKey.getUserDelegationKey(inHours(0), inHours(1));
  await expect(asked).rejects.toMatchObject({ statusCode: 403, code: "AuthenticationFailed" });
});
