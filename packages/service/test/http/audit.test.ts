import { addServicePrincipal } from "@kyanite/service/identity/principals";
import {
  aPool,
  batchClient,
  type ManagementRequests,
  managementRequests,
  movableClock,
  type RawClient,
  type RunningService,
  rawClient,
  runningService,
  until,
} from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { keepAudit } from "../../src/loops/keep-audit.ts";

let service: RunningService;
let raw: RawClient;
let manage: ManagementRequests;
const clock = movableClock();

beforeAll(async () => {
  service = await runningService({ clock });
  raw = rawClient(service);
  manage = await managementRequests(service);
});
afterAll(() => service[Symbol.asyncDispose]());

type Entry = Readonly<Record<string, unknown>>;

async function audit(query: Readonly<Record<string, string | number>> = {}, send = raw): Promise<Entry[]> {
  const { status, json } = await send("GET", "/kyanite/audit", { query });
  expect(status).toBe(200);
  return Object(json).value;
}

const job = (id: string) => ({ id, poolInfo: { poolId: "none" } });

/** Signs as somebody who has not the account's key. */
const stranger = (name = "test") => `SharedKey ${name}:${Buffer.alloc(32, "wrong").toString("base64")}`;

const batch = "https://batch.core.windows.net/";

async function tokenOf(name: string, role: "submitter" | "operator" | "owner", resource = batch) {
  const added = await addServicePrincipal(service.database, { name, role, accountName: null }, new Date());
  const response = await fetch(`${service.url}/adfs/oauth2/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: added?.clientId ?? "",
      client_secret: added?.secret ?? "",
      resource,
    }),
  });
  return { id: added?.clientId, authorization: `Bearer ${JSON.parse(await response.text()).access_token}` };
}

describe("a change is in the audit as soon as it is answered", () => {
  test("with who, by which credential, from where, what, and how it ended", async () => {
    const headers = { "user-agent": "tests/1" };
    const added = await raw("POST", "/jobs", { headers, body: job("first") });
    const again = await raw("POST", "/jobs", { headers, body: job("first") });
    const shared = {
      plane: "data",
      operation: "Job_Add",
      resource: "/jobs/first",
      credential: "key",
      principal: "Primary",
      role: "owner",
      address: expect.stringMatching(/127\.0\.0\.1$/),
      userAgent: "tests/1",
      count: 1,
    };
    expect(await audit({ resource: "/jobs/first" })).toEqual([
      { ...shared, time: expect.any(String), requestId: again.headers["request-id"], status: 409, error: "JobExists" },
      { ...shared, time: expect.any(String), requestId: added.headers["request-id"], status: 201 },
    ]);
  });

  test("by the second key, and by a principal, whose role may not be enough", async () => {
    const { body } = await manage("POST", "/listKeys");
    const second = rawClient({ url: service.url, account: { name: "test", key: String(Object(body).secondary) } });
    await second("PUT", "/jobs/none", { body: job("none") });
    const { id, authorization } = await tokenOf("night-shift", "submitter");
    await raw("DELETE", "/pools/none", { authorization });
    expect(await audit({ operation: "Pool_Delete" })).toMatchObject([
      {
        credential: "principal",
        principal: id,
        principalName: "night-shift",
        role: "submitter",
        status: 403,
        error: "InsufficientAccountPermissions",
      },
    ]);
    expect(await audit({ principal: "Secondary" })).toMatchObject([{ resource: "/jobs/none", status: 404 }]);
    expect(await audit({ principal: "night-shift" })).toHaveLength(1);
    expect(await audit({ principal: String(id) })).toHaveLength(1);
  });

  test("on the management plane, and when keys are read", async () => {
    await manage("POST", "/listKeys");
    await manage("PUT", "/applications/tool", { body: {} });
    const entries = await audit({ maxresults: 2 });
    expect(entries).toMatchObject([
      { plane: "management", operation: "Application_Create", credential: "principal", role: "owner", status: 200 },
      { plane: "management", operation: "BatchAccount_GetKeys", status: 200 },
    ]);
    expect(entries[0]?.resource).toMatch(/\/batchAccounts\/test\/applications\/tool$/);
    const storage = "/subscriptions/s/providers/Microsoft.Storage/storageAccounts";
    const { authorization } = await tokenOf("keeper", "owner", "https://management.azure.com/");
    await fetch(`${service.url}${storage}/${service.storage.accountName}/listKeys?api-version=2023-01-01`, {
      method: "POST",
      headers: { authorization },
    });
    expect(await audit({ operation: "StorageAccount_ListKeys" })).toMatchObject([
      { principalName: "keeper", role: "owner", status: 200 },
    ]);
  });

  test("also when the body was nonsense, but not when nothing could change", async () => {
    const before = await audit();
    await raw("POST", "/jobs", { body: "{" });
    await raw("GET", "/jobs");
    await raw("POST", "/pools/none/evaluateautoscale", { body: { autoScaleFormula: "$TargetDedicatedNodes=1;" } });
    await raw("POST", "/nonsense");
    const after = await audit();
    expect(after).toHaveLength(before.length + 1);
    expect(after[0]).toMatchObject({ operation: "Job_Add", status: 400, error: "InvalidRequestBody" });
  });

  test("by a task, with its token", async () => {
    const client = batchClient(service);
    await client.pool.add({ ...aPool("pool"), targetDedicatedNodes: 1 });
    await client.job.add({ id: "working", poolInfo: { poolId: "pool" } });
    const change = `curl -s -X POST -H "authorization: Bearer $AZ_BATCH_AUTHENTICATION_TOKEN" -H "content-type: application/json; odata=minimalmetadata" -d '{"id":"child","commandLine":"true"}' "$AZ_BATCH_ACCOUNT_URL/jobs/working/tasks?api-version=2024-07-01.20.0"`;
    await client.task.add("working", {
      id: "parent",
      commandLine: `/bin/sh -c '${change.replaceAll("'", `'"'"'`)}'`,
      authenticationTokenSettings: { access: ["job"] },
    });
    await until(
      () => audit({ resource: "/jobs/working/tasks/child" }),
      (entries) => entries.length > 0,
      60,
    );
    expect(await audit({ resource: "/jobs/working/tasks/child" })).toMatchObject([
      { credential: "task", principal: "jobs/working/tasks/parent", role: "submitter", status: 201 },
    ]);
  }, 120_000);
});

describe("of strangers", () => {
  test("the first refusal is there at once, and however many follow add no line before they are counted", async () => {
    const refused = () => raw("POST", "/jobs", { body: job("stolen"), authorization: stranger() });
    await Promise.all(Array.from({ length: 50 }, refused));
    const entries = (await audit()).filter(({ credential }) => credential === "none");
    expect(entries).toMatchObject([
      { operation: "Job_Add", resource: "/jobs", status: 403, error: "AuthenticationFailed", count: 1 },
    ]);
    expect(entries[0]).not.toHaveProperty("principal");
  });

  test("what they are refused on the management plane is there too, and when the server stops the counts are", async () => {
    const path = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Batch/batchAccounts/test";
    for (let n = 0; n < 3; n++)
      await fetch(`${service.url}${path}?api-version=2023-11-01`, { headers: { authorization: "Bearer x" } });
    await service.restart();
    const entries = (await audit()).filter(({ credential }) => credential === "none");
    expect(entries.map(({ plane, count }) => `${plane} ${count}`).toSorted()).toEqual([
      "data 1",
      "data 49",
      "management 1",
      "management 2",
    ]);
    const metrics = await fetch(`${service.url}/metrics`, { headers: { authorization: "Bearer metrics" } });
    expect(await metrics.text()).toContain("# TYPE kyanite_authentication_failures_total counter");
  });

  test("names of accounts that they make up are no account's audit", async () => {
    await raw("POST", "/jobs", { body: job("x"), authorization: stranger("nobody") });
    expect(await audit({ operation: "Job_Add", maxresults: 1 })).not.toMatchObject([
      { credential: "none", count: 1, resource: "/jobs/x" },
    ]);
    const [row] = await service.database`select account from audit where account = 'nobody'`;
    expect(row).toEqual({ account: "nobody" });
  });
});

test("no secret that a request carries is kept", async () => {
  const { authorization } = await tokenOf("talkative", "owner");
  await raw("POST", "/jobs", {
    authorization,
    query: { timeout: 29 },
    body: { ...job("secretive"), commonEnvironmentSettings: [{ name: "PASSWORD", value: "hunter2" }] },
  });
  const rows = JSON.stringify(await service.database`select * from audit`);
  expect(rows).toContain("/jobs/secretive");
  expect(rows).not.toMatch(/hunter2|timeout|SharedKey|Bearer/);
  expect(rows).not.toContain(authorization.slice(7));
  expect(rows).not.toContain(service.account.key);
});

describe("readers of the audit", () => {
  test("are owners", async () => {
    const { authorization } = await tokenOf("curious", "operator");
    expect((await raw("GET", "/kyanite/audit", { authorization })).status).toBe(403);
  });

  test("get pages, by time as well, in every version", async () => {
    for (let n = 0; n < 5; n++) await raw("PUT", `/jobs/paged-${n}`, { body: job("x") });
    await raw("PUT", "/jobs/paged", { body: job("x") });
    const seen: unknown[] = [];
    let path: string | undefined = "/kyanite/audit?maxresults=2&operation=Job_Update";
    while (path !== undefined) {
      const { json } = await raw("GET", path, { version: path.includes("api-version") ? null : "2022-10-01.16.0" });
      seen.push(...Object(json).value.map(({ resource }: Entry) => resource));
      const link: unknown = Object(json)["odata.nextLink"];
      path = typeof link === "string" ? link.slice(service.url.length) : undefined;
    }
    expect(seen.slice(0, 6)).toEqual(["/jobs/paged", ...[4, 3, 2, 1, 0].map((n) => `/jobs/paged-${n}`)]);
    expect(await audit({ resource: "/jobs/paged" })).toHaveLength(1);
    const [latest] = await audit();
    expect(await audit({ from: String(latest?.time) })).toHaveLength(1);
    expect((await audit({ to: String(latest?.time), maxresults: 1 }))[0]?.resource).toBe("/jobs/paged-4");
    expect((await raw("GET", "/kyanite/audit", { query: { from: "soon" } })).status).toBe(400);
    expect((await raw("GET", "/kyanite/audit", { query: { $skiptoken: "MTp4" } })).status).toBe(400);
  });

  test("get all of it as CSV or as JSON lines, or as many lines as they ask for", async () => {
    await raw("PUT", "/jobs/exported", { body: job("x"), headers: { "user-agent": '=HYPERLINK("x"), y' } });
    const csv = await raw("GET", "/kyanite/audit", {
      query: { resource: "/jobs/exported" },
      headers: { accept: "text/csv" },
    });
    expect(csv.headers["content-type"]).toMatch(/^text\/csv/);
    const [head = "", line = "", end] = csv.text.split("\r\n");
    expect(head).toMatch(/^time,requestId,plane,operation,resource,/);
    expect(line).toContain(`,data,Job_Update,/jobs/exported,key,Primary,,owner,`);
    expect(line).toContain(`,"'=HYPERLINK(""x""), y",404,JobNotFound,1`);
    expect(end).toBe("");
    const lines = await raw("GET", "/kyanite/audit", { headers: { accept: "application/jsonl" } });
    const entries = lines.text
      .trim()
      .split("\n")
      .map((each): Entry => JSON.parse(each));
    expect(entries).toEqual(await audit());
    const few = await raw("GET", "/kyanite/audit", {
      query: { maxresults: 3 },
      headers: { accept: "application/jsonl" },
    });
    expect(few.text.trim().split("\n")).toHaveLength(3);
  });

  test("find what is rare among many lines by going on from page to page, each at bounded cost", async () => {
    const { database } = service;
    await raw("PUT", "/jobs/rare", { body: job("x") });
    const [last] = await audit({ maxresults: 1 });
    await database`
      insert into audit (time, account, plane, operation, resource, credential, address, request_id, status, count)
      select ${String(last?.time)}::timestamptz + n * interval '1 microsecond', 'test', 'data', 'Task_Add', '/jobs/many', 'key', 'a',
        gen_random_uuid(), 201, 1
      from generate_series(1, 12000) n`;
    const first = await raw("GET", "/kyanite/audit", { query: { resource: "/jobs/rare" } });
    expect(Object(first.json).value).toEqual([]);
    const second = await raw("GET", String(Object(first.json)["odata.nextLink"]).slice(service.url.length), {
      version: null,
    });
    expect(Object(second.json).value).toMatchObject([{ resource: "/jobs/rare" }]);
  });
});

test("a change whose line cannot be written is not made", async () => {
  await using broken = await runningService({ expectsErrors: [/request failed/, /loop failed/] });
  await broken.database`alter table audit rename to elsewhere`;
  const { status, json } = await rawClient(broken)("POST", "/jobs", { body: job("unheard") });
  expect({ status, code: Object(json).code }).toEqual({ status: 500, code: "InternalError" });
  expect(await rawClient(broken)("GET", "/jobs/unheard")).toMatchObject({ status: 404 });
});

test("a change and its line are in one transaction, and what is refused has its line, too", async () => {
  const written = async (resource: string) =>
    await service.database<{ status: number; isOfChange: boolean }[]>`
      select status, a.xmin = (select xmin from job where id = 'together') as is_of_change
      from audit a where resource = ${resource} order by a.id`;
  for (const status of [201, 409])
    expect(await raw("POST", "/jobs", { body: job("together") })).toMatchObject({ status });
  expect(await written("/jobs/together")).toEqual([
    { status: 201, isOfChange: true },
    { status: 409, isOfChange: false },
  ]);
});

test("a change at a time for which there is no partition makes that first", async () => {
  await using early = await runningService();
  await early.database`drop table if exists ${early.database(`audit_${new Date().toISOString().slice(0, 10).replaceAll("-", "")}`)}`;
  expect(await rawClient(early)("POST", "/jobs", { body: job("early") })).toMatchObject({ status: 201 });
  expect(await early.database`select from audit where resource = '/jobs/early'`).toHaveLength(1);
});

test("days that are over are dropped as a whole, and new ones are there before they begin", async () => {
  const { database } = service;
  const days = async () =>
    (
      await database<{ name: string }[]>`
      select inhrelid::regclass::text as name from pg_inherits where inhparent = 'audit'::regclass order by 1`
    ).map(({ name }) => name);
  const before = await days();
  const round = keepAudit(database, { auditDays: 2 }).round;
  clock.advance(24 * 3_600);
  await round(clock.now());
  expect((await days()).length).toBe(before.length + 1);
  expect(await days()).toEqual(expect.arrayContaining(before));
  clock.advance(10 * 24 * 3_600);
  await raw("PUT", "/jobs/late", { headers: { "ocp-date": clock.now().toUTCString() }, body: job("late") });
  await round(clock.now());
  const left = await days();
  expect(left).toHaveLength(2);
  expect(before.some((day) => left.includes(day))).toBe(false);
  expect(await database`select resource from audit`).toEqual([{ resource: "/jobs/late" }]);
});
