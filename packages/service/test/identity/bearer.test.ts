import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { addServicePrincipal } from "@kyanite/service/identity/principals";
import { type RunningService, runningService } from "@kyanite/testkit";
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT, UnsecuredJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

const batch = "https://batch.core.windows.net/";
let service: RunningService;
let issuer: Server;
let issuerUrl: string;
let key: CryptoKey;
let publicPem: string;
let published: JWK[];

/** An OpenID Connect provider, as far as its keys go. */
async function startIssuer(): Promise<void> {
  const pair = await generateKeyPair("RS256");
  key = pair.privateKey;
  publicPem = await exportSPKI(pair.publicKey);
  published = [{ ...(await exportJWK(pair.publicKey)), kid: "one", alg: "RS256" }];
  issuer = createServer((request, response) => {
    const isDescription = request.url?.endsWith("/.well-known/openid-configuration");
    response.end(JSON.stringify(isDescription ? { jwks_uri: `${issuerUrl}/keys` } : { keys: published }));
  });
  await new Promise<void>((resolve) => issuer.listen(0, "127.0.0.1", resolve));
  const address: AddressInfo | string | null = issuer.address();
  issuerUrl = `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}/tenant`;
}

beforeAll(async () => {
  await startIssuer();
  service = await runningService({ identity: { issuers: [`${issuerUrl}/`, adfsUrl()] } });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  issuer.close();
});

interface TokenParts {
  readonly iss?: string;
  readonly aud?: string;
  readonly roles?: readonly string[];
  readonly expires?: string | number;
  readonly starts?: string;
  readonly keyId?: string | undefined;
  readonly signingKey?: CryptoKey;
}

/** An issuer as Active Directory Federation Services name themselves. */
const adfsUrl = () => issuerUrl.replace(/tenant$/, "adfs");

function token(parts: TokenParts = {}) {
  const { iss = issuerUrl, aud = batch, roles = ["Owner"], expires = "1h", starts = "-1s", signingKey = key } = parts;
  const keyId = "keyId" in parts ? parts.keyId : "one";
  return new SignJWT({ roles: [...roles] })
    .setProtectedHeader({ alg: "RS256", ...(keyId === undefined ? {} : { kid: keyId }) })
    .setNotBefore(starts)
    .setIssuer(iss)
    .setAudience(aud)
    .setIssuedAt()
    .setExpirationTime(expires)
    .sign(signingKey);
}

async function call(bearer: string, { path = "/pools", method = "GET", body = "" } = {}) {
  const response = await fetch(`${service.url}${path}?api-version=2022-10-01.16.0`, {
    method,
    headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json; odata=minimalmetadata" },
    ...(body ? { body } : {}),
  });
  const text = await response.text();
  const answer = text ? JSON.parse(text) : {};
  const reason = answer.values?.find(({ key: name }: { key: string }) => name === "Reason")?.value;
  return { status: response.status, code: answer.code, reason, answer };
}

describe("a token of an issuer that the configuration names", () => {
  test("opens the account to its role", async () => {
    expect(await call(await token())).toMatchObject({ status: 200, answer: { value: [] } });
    expect(await call(await token({ keyId: undefined }))).toMatchObject({ status: 200 });
  });

  test("opens it also when the issuer's name is like that of the local one", async () => {
    expect(await call(await token({ iss: adfsUrl() }))).toMatchObject({ status: 200 });
  });

  test("is refused when it has expired, is for another service, or is signed by somebody else", async () => {
    const strangers = await generateKeyPair("RS256");
    const refused = {
      "has expired": await token({ expires: Math.floor(Date.now() / 1000) - 3600 }),
      "not for the data plane": await token({ aud: "https://management.azure.com/" }),
      "claim nbf": await token({ starts: "10m" }),
      "not its issuer's": await token({ signingKey: strangers.privateKey }),
      "signature of the token": await token({ keyId: "two" }),
      "not trusted": await token({ iss: "https://login.example/other" }),
      "no JSON Web Token": "nonsense",
    };
    for (const [reason, bearer] of Object.entries(refused))
      expect(await call(bearer)).toMatchObject({
        status: 403,
        code: "AuthenticationFailed",
        reason: expect.stringContaining(reason),
      });
  });

  test("is refused when it is not signed at all, or was changed", async () => {
    const unsigned = new UnsecuredJWT({ roles: ["Owner"] })
      .setIssuer(issuerUrl)
      .setAudience(batch)
      .setExpirationTime("1h")
      .encode();
    expect(await call(unsigned)).toMatchObject({ status: 403, code: "AuthenticationFailed" });
    const signedWithPublicKey = await new SignJWT({ roles: ["Owner"] })
      .setProtectedHeader({ alg: "HS256", kid: "one" })
      .setIssuer(issuerUrl)
      .setAudience(batch)
      .setExpirationTime("1h")
      .sign(new TextEncoder().encode(publicPem));
    expect(await call(signedWithPublicKey)).toMatchObject({ status: 403, code: "AuthenticationFailed" });
    const [header, payload = "", signature] = (await token({ roles: ["reader"] })).split(".");
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
    const raised = Buffer.from(JSON.stringify({ ...claims, roles: ["owner"] })).toString("base64url");
    expect(await call([header, raised, signature].join("."))).toMatchObject({
      status: 403,
      code: "AuthenticationFailed",
    });
  });

  test("permits what its role permits and no more, on the accounts that it names", async () => {
    const post = { path: "/pools", method: "POST", body: "{}" };
    expect(await call(await token({ roles: ["Kyanite.Reader"] }))).toMatchObject({ status: 200 });
    expect(await call(await token({ roles: ["Kyanite.Reader"] }), post)).toMatchObject({
      status: 403,
      code: "InsufficientAccountPermissions",
    });
    expect(await call(await token({ roles: ["submitter"] }), post)).toMatchObject({ status: 403 });
    expect(await call(await token({ roles: ["operator"] }), post)).toMatchObject({ status: 400 });
    expect(await call(await token({ roles: ["other:owner"] }))).toMatchObject({ code: "AuthenticationFailed" });
    expect(await call(await token({ roles: [] }))).toMatchObject({ code: "AuthenticationFailed" });
  });
});

test("keys are fetched again for a token with another, and what is no longer published is refused", async () => {
  const old = await token();
  expect(await call(old)).toMatchObject({ status: 200 });
  const { privateKey, publicKey } = await generateKeyPair("RS256");
  published = [{ ...(await exportJWK(publicKey)), kid: "new", alg: "RS256" }];
  // An issuer is not asked more often than every half minute, whatever tokens name.
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 31_000 });
  try {
    expect(await call(await token({ signingKey: privateKey, keyId: "new" }))).toMatchObject({ status: 200 });
    expect(await call(old)).toMatchObject({ status: 403, code: "AuthenticationFailed" });
  } finally {
    vi.useRealTimers();
  }
});

describe("the local issuer", () => {
  interface Answer {
    readonly status: number;
    readonly error?: string;
    readonly access_token?: string;
  }
  const signIn = async (form: Record<string, string>): Promise<Answer> => {
    const url = `${service.url}/adfs/oauth2/v2.0/token`;
    const response = await fetch(url, { method: "POST", body: new URLSearchParams(form) });
    return { status: response.status, ...JSON.parse(await response.text()) };
  };
  const credential = (clientId: string, secret: string) => ({
    grant_type: "client_credentials",
    client_id: clientId,
    client_secret: secret,
    scope: `${batch}/.default`,
  });
  const principal = async (name: string, role: "reader" | "owner" = "owner") => {
    const added = await addServicePrincipal(service.database, { name, role, accountName: null }, new Date());
    if (!added) throw new Error("there is one already");
    return added;
  };

  test("describes itself as clients expect of an authority", async () => {
    const read = async (url: string) => JSON.parse(await (await fetch(url)).text());
    const description = await read(`${service.url}/adfs/.well-known/openid-configuration`);
    expect(description).toMatchObject({ token_endpoint: `${service.url}/adfs/oauth2/token` });
    const { keys } = await read(description.jwks_uri);
    expect(Object.keys(keys[0]).sort()).toEqual(["alg", "e", "kid", "kty", "n", "use"]);
  });

  test("gives a service principal a token that opens the account, until it is removed", async () => {
    const { clientId, secret } = await principal("program");
    const issued = await signIn(credential(clientId, secret));
    expect(issued).toMatchObject({ status: 200, token_type: "Bearer", expires_in: 3600 });
    expect(await call(issued.access_token ?? "")).toMatchObject({ status: 200 });
    await service.database`delete from service_principal where client_id = ${clientId}`;
    expect(await call(issued.access_token ?? "")).toMatchObject({ status: 403, code: "AuthenticationFailed" });
  });

  test("refuses a wrong secret, an unknown resource and other grants, in the words of OAuth", async () => {
    const { clientId, secret } = await principal("careful", "reader");
    const wrong = await signIn(credential(clientId, "guess"));
    expect(wrong).toMatchObject({ status: 401, error: "invalid_client" });
    const elsewhere = await signIn({ ...credential(clientId, secret), scope: "https://graph.microsoft.com/.default" });
    expect(elsewhere).toMatchObject({ status: 400, error: "invalid_scope" });
    const assertion = await signIn({ ...credential(clientId, ""), client_assertion: "a.b.c" });
    expect(assertion).toMatchObject({
      status: 401,
      error: "invalid_client",
      error_description: expect.stringContaining("with a secret only"),
    });
    const response = await fetch(`${service.url}/adfs/oauth2/token`, {
      method: "POST",
      headers: { authorization: `Basic ${btoa("%:%")}` },
      body: new URLSearchParams({ grant_type: "client_credentials" }),
    });
    expect(response.status).toBe(401);
    const password = await signIn({ ...credential(clientId, secret), grant_type: "password" });
    expect(password).toMatchObject({ status: 400, error: "unsupported_grant_type" });
  });

  test("keeps no secret that could be read from the database", async () => {
    const { secret } = await principal("hidden");
    const rows = await service.database`select service_principal::text as text from service_principal`;
    expect(JSON.stringify(rows)).not.toContain(secret);
  });
});
