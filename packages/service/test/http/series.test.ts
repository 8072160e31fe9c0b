import type { SeriesReport } from "@kyanite/contract";
import { aPool, rawClient, runningService, until } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

let service: Awaited<ReturnType<typeof runningService>>;
let raw: ReturnType<typeof rawClient>;
let nodeId = "";

beforeAll(async () => {
  service = await runningService({ settings: { sampleSeconds: 1, heartbeatSeconds: 1, poolSampleSeconds: 1 } });
  raw = rawClient(service);
  await ok("POST", "/pools", aPool("pool", { taskSlotsPerNode: 4 }));
  await ok("POST", "/pools", aPool("empty", { targetDedicatedNodes: 0 }));
  const { value } = await until(
    () => ok("GET", "/pools/pool/nodes"),
    ({ value: [node] }) => node?.state === "idle",
  );
  nodeId = value[0].id;
  await ok("POST", "/jobs", { id: "job", poolInfo: { poolId: "pool" } });
  await ok("POST", "/jobs/job/tasks", { id: "long", commandLine: "sleep 600", requiredSlots: 3 });
  await ok("POST", "/jobs/job/tasks", { id: "waits", commandLine: "sleep 600", requiredSlots: 3 });
});
afterAll(() => service[Symbol.asyncDispose]());

async function ok(method: string, path: string, body?: object) {
  const { status, text } = await raw(method, path, body ? { body } : {});
  if (status >= 300) throw new Error(`${status} ${text}`);
  return text === "" ? {} : JSON.parse(text);
}

async function series(path: string, query: Record<string, string> = {}): Promise<SeriesReport> {
  const { status, text } = await raw("GET", `/kyanite${path}series`, { query });
  if (status !== 200) throw new Error(`${status} ${text}`);
  return JSON.parse(text);
}

type Figure = "average" | "minimum" | "maximum" | "total";

/** The latest value that is known. */
const last = (report: SeriesReport, metric: string, figure: Figure = "average") =>
  report.series.find((each) => each.metric === metric)?.[figure]?.findLast((value) => value !== null);

const shortly = () => ({ from: new Date(Date.now() - 60_000).toISOString(), step: "1" });

test("a pool shows nodes and tasks by state, slots and the use of its nodes", async () => {
  const pool = await until(
    () => series("/pools/pool/", shortly()),
    (report) => last(report, "nodes.running") === 1 && last(report, "network.inBytes", "total") !== undefined,
  );
  expect(pool.stepSeconds).toBe(1);
  for (const [metric, value] of Object.entries({
    "nodes.idle": 0,
    "nodes.dedicated": 1,
    "tasks.running": 1,
    "tasks.active": 1,
    "slots.total": 4,
    "slots.running": 3,
    "slots.active": 3,
  }))
    expect([metric, last(pool, metric)]).toEqual([metric, value]);
  expect(last(pool, "cpu.percent")).toBeGreaterThanOrEqual(0);
  expect(last(pool, "memory.usedBytes", "maximum")).toBeGreaterThan(1e6);
  const figures = (["minimum", "average", "maximum"] as const).map((each) => last(pool, "memory.usedBytes", each) ?? 0);
  expect(figures).toEqual([...figures].sort((one, other) => one - other));
  expect(last(pool, "wait.oldestSeconds")).toBeGreaterThan(0);
});

test("before a pool was there nothing is known, which is not zero", async () => {
  const { series: found, times } = await series("/pools/pool/", { metric: "tasks.running", step: "60" });
  expect(found[0]?.average?.[0]).toBeNull();
  expect(found[0]?.average).toHaveLength(times.length);
});

test("a pool without nodes has none in any state, and no use of them", async () => {
  const empty = await until(
    () => series("/pools/empty/", { ...shortly(), metric: "nodes,cpu.percent" }),
    (report) => last(report, "nodes.dedicated") !== undefined,
  );
  for (const { metric, maximum } of empty.series)
    expect(new Set(maximum?.filter((value) => value !== null))).toEqual(new Set(metric === "cpu.percent" ? [] : [0]));
});

test("a node shows its own use", async () => {
  const node = await until(
    () => series(`/pools/pool/nodes/${nodeId}/`, { step: "60" }),
    (report) => last(report, "memory.usedBytes") !== undefined,
  );
  expect(node.series.map(({ metric }) => metric)).not.toContain("nodes.idle");
  expect(node.stepSeconds).toBe(300);
  const recent = { from: new Date(Date.now() - 300_000).toISOString(), step: "1" };
  expect((await series(`/pools/pool/nodes/${nodeId}/`, recent)).stepSeconds).toBe(60);
});

test("an account shows all its pools together", async () => {
  const account = await until(
    () => series("/", shortly()),
    (report) => last(report, "slots.running") === 3 && last(report, "nodes.running") === 1,
  );
  expect(last(account, "nodes.dedicated")).toBe(1);
  expect(last(account, "memory.usedBytes")).toBeGreaterThan(1e6);
});

test("series are to be had as CSV", async () => {
  const answer = await raw("GET", "/kyanite/pools/pool/series", {
    query: { metric: "network.inBytes,nodes.running", ...shortly() },
    headers: { accept: "text/csv" },
  });
  expect(answer.headers["content-type"]).toMatch(/^text\/csv/);
  const [heads, first] = answer.text.split("\r\n");
  expect(heads).toBe("time,network.inBytes.total,nodes.running.average,nodes.running.minimum,nodes.running.maximum");
  expect(first).toMatch(/^\d{4}-\d\d-\d\dT[\d:]+Z,/);
});

test.each([
  [{ metric: "weather" }, "InvalidQueryParameterValue", "metric"],
  [{ from: "yesterday" }, "InvalidQueryParameterValue", "from"],
  [{ from: "2999-01-01T00:00:00Z" }, "InvalidQueryParameterValue", "from"],
  [{ to: "1999-01-01T00:00:00Z", from: "1999-01-01T00:00:00Z" }, "InvalidQueryParameterValue", "from"],
  [{ step: "0" }, "OutOfRangeQueryParameterValue", "step"],
  [{ step: "PT5M" }, "InvalidQueryParameterValue", "step"],
  [{ step: "1" }, "InvalidQueryParameterValue", "3000 are permitted"],
  [{ from: "0001-01-01", step: "3600" }, "InvalidQueryParameterValue", "step"],
  [{ until: "now" }, "UnsupportedQueryParameter", "until"],
])("a question that makes no sense is refused: %j", async (query, code, words) => {
  const answer = await raw("GET", "/kyanite/series", { query });
  expect(answer).toMatchObject({ status: 400, json: { code } });
  expect(answer.text).toContain(words);
});

test("a series of very long ago is empty, and no failure", async () => {
  const { times, series: found } = await series("/", { from: "0001-01-01", metric: "nodes.idle" });
  expect(times.length).toBeLessThanOrEqual(301);
  expect(found).toHaveLength(1);
});

test("what is not there has no series", async () => {
  for (const [path, code] of [
    ["/pools/none/series", "PoolNotFound"],
    ["/pools/none/nodes/n/series", "PoolNotFound"],
    ["/pools/pool/nodes/none/series", "NodeNotFound"],
  ])
    expect(await raw("GET", `/kyanite${path}`)).toMatchObject({ status: 404, json: { code } });
  await ok("DELETE", "/pools/empty");
  await until(
    () => raw("GET", "/kyanite/pools/empty/series"),
    ({ status }) => status === 404,
  );
});
