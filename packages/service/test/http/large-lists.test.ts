import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  aPool,
  firstGroup,
  managementToken,
  type RawClient,
  type RunningService,
  rawClient,
  runningService,
} from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

let service: RunningService;
let call: RawClient;

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

const megabyte = 1024 * 1024;
const nearlyFour = "x".repeat(4 * megabyte - 1000);

beforeAll(async () => {
  service = await runningService();
  call = rawClient(service);
  await call("POST", "/pools", { body: aPool("pool", { targetDedicatedNodes: 0 }) });
  await call("POST", "/jobs", { body: { id: "job", poolInfo: { poolId: "pool" } } });
});
afterAll(() => service[Symbol.asyncDispose]());

interface Walk {
  readonly ids: readonly string[];
  readonly pages: number;
  readonly largestBytes: number;
  /** How much more memory this process held at most, between pages. */
  readonly grownBytes: number;
}

/** Reads a list to its end. */
async function walk(path: string, get: (path: string) => Promise<string>): Promise<Walk> {
  collectGarbage();
  const before = process.memoryUsage().rss;
  const ids: string[] = [];
  const most = { pages: 0, largestBytes: 0, grownBytes: 0 };
  for (let next: string | undefined = path; next !== undefined; ) {
    collectGarbage();
    const text = await get(next);
    const page: { value: { id: string }[]; nextLink?: string; "odata.nextLink"?: string } = JSON.parse(text);
    ids.push(...page.value.map(({ id }) => id));
    next = (page["odata.nextLink"] ?? page.nextLink)?.replace(service.url, "");
    most.pages++;
    most.largestBytes = Math.max(most.largestBytes, text.length);
    most.grownBytes = Math.max(most.grownBytes, process.memoryUsage().rss - before);
  }
  return { ids, ...most };
}

const onDataPlane = async (path: string) => {
  const answer = await call("GET", path, { version: path.includes("api-version") ? null : "2024-07-01.20.0" });
  expect([answer.status, answer.status === 200 ? "" : answer.text]).toEqual([200, ""]);
  return answer.text;
};

/** Copies of the row with this id, which has been added through the API. */
const copies = (table: string, id: string, count: number) => {
  const names = { task: "job_pk", job: "account_pk", pool: "account_pk", job_schedule: "account_pk" }[table] ?? "";
  return service.database.unsafe(`
    do $$ declare columns text; begin
      select string_agg(quote_ident(column_name), ', ') into columns from information_schema.columns
      where table_name = '${table}' and column_name not in ('pk', 'id', 'key', '${names}')
        and is_generated = 'NEVER' and is_identity = 'NO';
      execute format('insert into ${table} (${names}, id, key, %1$s)
        select ${names}, ''${id}'' || n, ''${id}'' || n, %1$s from ${table}, generate_series(100, %2$s) n
        where key = ''${id}''', columns, ${99 + count});
    end $$`);
};

describe("a list of resources of nearly 4 MB comes page by page, with memory for one", () => {
  const environmentSettings = [{ name: "A", value: nearlyFour }];
  const manager = { id: "manager", commandLine: "true", environmentSettings };
  const schedule = { doNotRunUntil: "2099-01-01T00:00:00Z" };
  const lists = [
    ["task", "/jobs/job/tasks", { id: "large", commandLine: "true", environmentSettings }, 134],
    ["job", "/jobs", { id: "large", poolInfo: { poolId: "none" }, jobManagerTask: manager }, 12],
    ["pool", "/pools", aPool("large", { targetDedicatedNodes: 0, metadata: [{ name: "A", value: nearlyFour }] }), 12],
    [
      "job_schedule",
      "/jobschedules",
      { id: "large", schedule, jobSpecification: { poolInfo: { poolId: "pool" }, jobManagerTask: manager } },
      12,
    ],
  ] as const;

  test.each(lists)(
    "%s",
    async (table, path, body, count) => {
      const added = await call("POST", path, { body });
      expect([added.status, added.status === 201 ? "" : added.text.slice(0, 500)]).toEqual([201, ""]);
      await copies(table, "large", count);
      const { ids, pages, largestBytes, grownBytes } = await walk(path, onDataPlane).finally(() =>
        service.database.unsafe(`delete from ${table} where key like 'large%'`),
      );
      expect(ids.filter((id) => id.startsWith("large"))).toHaveLength(count + 1);
      expect(new Set(ids).size).toBe(ids.length);
      expect(pages).toBeGreaterThan(count / 2);
      expect(largestBytes).toBeLessThan(9 * megabyte);
      expect(grownBytes).toBeLessThan(400 * megabyte);
    },
    120_000,
  );

  test("account", async () => {
    const { token } = await (await managementToken(service, { role: "owner" }))();
    const { subscriptionId, resourceGroup } = firstGroup;
    const path = (name: string) =>
      `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Batch/batchAccounts${name}?api-version=2023-11-01`;
    const ask = async (method: string, target: string, body?: object) => {
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
      const response = await fetch(service.url + target, {
        method,
        headers,
        ...(body && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      expect([response.status, response.ok ? "" : text]).toEqual([200, ""]);
      return text;
    };
    const names = Array.from({ length: 6 }, (_, n) => `large${n}`);
    for (const name of names) await ask("PUT", path(`/${name}`), { location: "here", tags: { a: nearlyFour } });
    const { ids, pages } = await walk(path(""), (target) => ask("GET", target));
    expect(ids).toHaveLength(names.length + 1);
    expect(pages).toBeGreaterThan(3);
    expect(JSON.parse(await ask("GET", "/subscriptions?api-version=2020-01-01"))).toMatchObject({
      value: [{ subscriptionId }],
    });
  }, 120_000);
});

test("a page of small elements is as long as it was", async () => {
  const value = Array.from({ length: 100 }, (_, n) => ({ id: `small${n}`, commandLine: "true" }));
  await call("POST", "/jobs/job/addtaskcollection", { body: { value } });
  const { pages, ids } = await walk("/jobs/job/tasks?api-version=2024-07-01.20.0&maxresults=50", onDataPlane);
  expect([pages, ids.length]).toEqual([2, 100]);
  const filter = encodeURIComponent("state eq 'active'");
  const active = await walk(`/jobs/job/tasks?api-version=2024-07-01.20.0&$filter=${filter}`, onDataPlane);
  expect([active.pages, active.ids.length]).toEqual([1, 100]);
});
