import type { BatchServiceClient } from "@azure/batch";
import {
  aPool,
  batchClient,
  type MovableClock,
  movableClock,
  type RunningService,
  runningService,
  send,
  steadyPool,
  until,
} from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

let service: RunningService;
let client: BatchServiceClient;
let clock: MovableClock;

beforeAll(async () => {
  clock = movableClock();
  service = await runningService({
    clock,
    settings: { nodeSilentSeconds: 3600, sampleSeconds: 1, heartbeatSeconds: 1 },
  });
  client = batchClient(service);
  await client.pool.add(aPool("pool", { targetDedicatedNodes: 1, targetLowPriorityNodes: 1 }));
  await until(
    async () => [...(await client.computeNode.list("pool"))],
    (nodes) => nodes.length === 2 && nodes.every(({ state }) => state === "idle"),
  );
});
afterAll(() => service[Symbol.asyncDispose]());

test("a pool's statistics are there when they are asked for, and count what its nodes report", async () => {
  expect((await client.pool.get("pool")).stats).toBeUndefined();
  const pool = await until(
    () => client.pool.get("pool", { poolGetOptions: { expand: "stats" } }),
    ({ stats }) => (stats?.resourceStats?.avgMemoryGiB ?? 0) > 0,
  );
  const { stats } = pool;
  expect(stats?.url).toBe(pool.url);
  expect(stats?.startTime).toEqual(pool.creationTime);
  expect(stats?.resourceStats?.peakMemoryGiB).toBeGreaterThanOrEqual(stats?.resourceStats?.avgMemoryGiB ?? 0);
  expect(stats?.resourceStats?.peakDiskGiB).toBeGreaterThan(0);
  const options = { poolListOptions: { expand: "stats", select: "id,stats" } };
  const [listed] = await client.pool.list(options);
  expect(listed).toMatchObject({ id: "pool", stats: { usageStats: {} } });
});

test("the core time of dedicated nodes goes on counting, that of nodes that are gone included", async () => {
  clock.advance(600);
  const seconds = (duration: string | undefined) => {
    const [, hours = 0, minutes = 0, rest = 0] = /^PT(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?$/.exec(duration ?? "") ?? [];
    return Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60 + Number(rest ?? 0);
  };
  const coreSeconds = async () => {
    const { body } = await send(client, "GET", "/pools/pool?$expand=stats", { version: "2022-10-01.16.0" });
    const text = /"dedicatedCoreTime":"([^"]+)"/.exec(JSON.stringify(body))?.[1];
    return seconds(text);
  };
  const before = await coreSeconds();
  expect(before).toBeGreaterThanOrEqual(2 * 600);
  expect(before).toBeLessThan(2 * 900);
  await client.pool.resize("pool", { targetDedicatedNodes: 0, targetLowPriorityNodes: 0 });
  await steadyPool(client, "pool");
  expect(await coreSeconds()).toBeGreaterThanOrEqual(before);
});

test("the lifetime statistics of the account count all pools, and are gone in newer versions", async () => {
  const statistics = await client.pool.getAllLifetimeStatistics();
  expect(statistics.url).toBe(`${service.url}/lifetimepoolstats`);
  expect(statistics.usageStats).toBeDefined();
  expect(statistics.resourceStats?.avgMemoryGiB).toBeGreaterThan(0);
  expect((await send(client, "GET", "/lifetimepoolstats", { version: "2023-05-01.17.0" })).status).toBe(400);
});

test("usage metrics count the core hours of each pool by half hours", async () => {
  const { database } = service;
  await database`
    insert into node_life (account_pk, pool_pk, pool_key, pool_id, vm_size, cores, is_dedicated, start_time, end_time)
    select pk, 0, key, upper(key), 'standard_d4s_v3', 4, true, start_time::timestamptz, end_time::timestamptz
    from account, (values
      ('a', '2026-01-01T10:00:00Z', '2026-01-01T11:15:00Z'),
      ('a', '2026-01-01T10:15:00Z', '2026-01-01T10:30:00Z'),
      ('b', '2026-01-01T10:10:00Z', '2026-01-01T10:20:00Z')
    ) as life (key, start_time, end_time)`;
  const list = async (more: object = {}) => [
    ...(await client.pool.listUsageMetrics({
      poolListUsageMetricsOptions: {
        startTime: new Date("2026-01-01T10:00:00Z"),
        endTime: new Date("2026-01-01T11:30:00Z"),
        ...more,
      },
    })),
  ];
  const short = (rows: Awaited<ReturnType<typeof list>>) =>
    rows.map(({ poolId, startTime, totalCoreHours }) => [
      poolId,
      startTime.toISOString().slice(11, 16),
      Number(totalCoreHours.toFixed(3)),
    ]);
  expect(short(await list())).toEqual([
    ["A", "10:00", 3],
    ["B", "10:00", 0.667],
    ["A", "10:30", 2],
    ["A", "11:00", 1],
  ]);
  expect(short(await list({ filter: "poolId eq 'b'" }))).toEqual([["B", "10:00", 0.667]]);
  const first = await client.pool.listUsageMetrics({
    poolListUsageMetricsOptions: {
      startTime: new Date("2026-01-01T10:00:00Z"),
      endTime: new Date("2026-01-01T11:30:00Z"),
      maxResults: 3,
    },
  });
  const rest = await client.pool.listUsageMetricsNext(first.odatanextLink ?? "");
  expect(short([...first, ...rest])).toHaveLength(4);
});

test("usage metrics without times are those of the last half hour, and times out of order are refused", async () => {
  expect((await send(client, "GET", "/poolusagemetrics")).status).toBe(200);
  const wrong = "/poolusagemetrics?startTime=2026-01-02T00:00:00Z&endtime=2026-01-01T00:00:00Z";
  expect(await send(client, "GET", wrong)).toMatchObject({ status: 400, code: "InvalidQueryParameterValue" });
  expect((await send(client, "GET", "/poolusagemetrics", { version: "2026-10-01" })).status).toBe(400);
});
