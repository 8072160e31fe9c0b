import { addServicePrincipal } from "@kyanite/service/identity/principals";
import { type RunningService, runningService } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

/** Signing in as clients do it: where they look for the authority, and how they name what they want a token for. */

let service: RunningService;
let credential: Readonly<Record<string, string>>;

beforeAll(async () => {
  service = await runningService({ https: true });
  const principal = { name: "program", role: "owner" as const, accountName: null };
  const added = await addServicePrincipal(service.database, principal, new Date());
  if (!added) throw new Error("there is one already");
  credential = { grant_type: "client_credentials", client_id: added.clientId, client_secret: added.secret };
});
afterAll(() => service[Symbol.asyncDispose]());

async function json(path: string, init: RequestInit = {}) {
  const response = await fetch(service.url + path, init);
  return { status: response.status, body: JSON.parse(await response.text()) };
}

const signIn = (asked: Readonly<Record<string, string>>, path = "/adfs/oauth2/v2.0/token") =>
  json(path, { method: "POST", body: new URLSearchParams({ ...credential, ...asked }) });

async function planesOf(token: string) {
  const authorization = `Bearer ${token}`;
  const status = async (path: string) => (await fetch(service.url + path, { headers: { authorization } })).status;
  const [data, management] = await Promise.all([
    status("/pools?api-version=2022-10-01.16.0"),
    status("/subscriptions?api-version=2022-12-01"),
  ]);
  return { data: data === 200, management: management === 200 };
}

describe("the authority", () => {
  const guid = "5d2c2f3e-8f7a-4a0b-9d6e-3b1a2c4d5e6f";

  test.each(["/adfs", "/adfs/adfs", `/adfs/${guid}`, `/${guid}`, "/common"])("is found behind %s", async (base) => {
    for (const version of ["", "/v2.0"]) {
      const description = await json(`${base}${version}/.well-known/openid-configuration`);
      expect(description).toMatchObject({ status: 200, body: { token_endpoint: `${service.url}/adfs/oauth2/token` } });
      const issued = await signIn(
        { scope: "https://batch.core.windows.net/.default" },
        `${base}/oauth2${version}/token`,
      );
      expect(issued).toMatchObject({ status: 200, body: { token_type: "Bearer" } });
    }
  });

  test("names itself to clients that ask which names of it mean the same", async () => {
    const { host } = new URL(service.url);
    expect(await json("/common/discovery/instance?api-version=1.1")).toMatchObject({
      body: { metadata: [{ preferred_network: host, aliases: [host] }] },
    });
  });

  test("answers 404 for other pages of its own, and leaves the API its paths", async () => {
    expect(await json("/adfs/oauth2/devicecode")).toMatchObject({ status: 404 });
    expect((await json("/pools/adfs?api-version=2022-10-01.16.0")).body).toHaveProperty("odata.metadata");
  });
});

describe("a token is for", () => {
  const batch = { data: true, management: false };
  const management = { data: false, management: true };

  test.each([
    ["what msal4j asks", { scope: "openid profile offline_access https://batch.core.windows.net/.default" }, batch],
    ["what adal4j asks", { scope: "openid", resource: "https://management.core.windows.net/" }, management],
    ["two slashes", { scope: "https://batch.core.windows.net//.default" }, batch],
    ["no slash", { resource: "https://batch.core.windows.net" }, batch],
    ["an id", { scope: "ddbf3205-c6bd-46ae-8127-60eb93363864/.default" }, batch],
    ["the resource manager", { scope: "https://management.azure.com//.default openid" }, management],
    ["the older name of it", { scope: "https://management.core.windows.net//.default" }, management],
  ])("%s", async (_, asked, planes) => {
    const issued = await signIn(asked);
    expect(issued.status).toBe(200);
    expect(await planesOf(issued.body.access_token)).toEqual(planes);
  });

  test("the management plane by where the server answers, as Terraform and Java ask", async () => {
    const { port } = new URL(service.https.url);
    for (const origin of [service.url, `https://localhost:${port}`, `https://127.0.0.1:${port}`])
      for (const scope of [`${origin}/.default`, `${origin}//.default`, `${origin}/user_impersonation`]) {
        const issued = await signIn({ scope });
        expect(issued.status).toBe(200);
        expect(await planesOf(issued.body.access_token)).toEqual(management);
      }
  });

  test("one resource that is here, or it is refused in the words of OAuth", async () => {
    const invalid = { status: 400, body: { error: "invalid_scope" } };
    expect(await signIn({ scope: "https://localhost:1/.default" })).toMatchObject(invalid);
    expect(await signIn({ scope: "https://graph.microsoft.com/.default openid" })).toMatchObject(invalid);
    const both = "https://batch.core.windows.net/.default https://management.azure.com/.default";
    expect(await signIn({ scope: both })).toMatchObject(invalid);
    expect(await signIn({ scope: "openid" })).toMatchObject({ status: 400, body: { error: "invalid_request" } });
  });
});

test("the server describes itself as a cloud in the shape of the version that is asked for", async () => {
  const authentication = { loginEndpoint: `${service.url}/adfs` };
  expect(await json("/metadata/endpoints?api-version=1.0")).toMatchObject({
    body: { graphEndpoint: service.url, authentication },
  });
  const cloud = { name: "Kyanite", resourceManager: service.url, suffixes: {}, authentication };
  expect(await json("/metadata/endpoints?api-version=2019-05-01")).toMatchObject({ body: [cloud] });
  expect(await json("/metadata/endpoints?api-version=2022-09-01")).toMatchObject({ body: cloud });
});
