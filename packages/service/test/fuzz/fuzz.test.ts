import {
  aPool,
  type RawAnswer,
  type RawClient,
  type RunningService,
  rawClient,
  runningService,
} from "@kyanite/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FuzzedRequest, requests } from "./requests.ts";

const runs = Number(process.env.KYANITE_FUZZ_RUNS ?? 1_000);

/** How many requests were answered with which status. */
const statuses = new Map<number, number>();

let service: RunningService;
let call: RawClient;

beforeAll(async () => {
  // Without cores no pool gets nodes: this is about requests.
  service = await runningService({ settings: { dedicatedCoreQuota: 0, lowPriorityCoreQuota: 0 } });
  call = rawClient(service);
});
afterAll(() => service[Symbol.asyncDispose]());

/** What most requests are about; they delete it as well. */
async function seed(): Promise<void> {
  const poolInfo = { poolId: "seed" };
  await call("POST", "/pools", { body: aPool("seed", { targetDedicatedNodes: 0 }) });
  await call("POST", "/jobs", { body: { id: "seed", poolInfo, usesTaskDependencies: true } });
  await call("POST", "/jobs/seed/tasks", { body: { id: "seed", commandLine: "true" } });
  const schedule = { doNotRunUntil: "2099-01-01T00:00:00Z" };
  await call("POST", "/jobschedules", { body: { id: "a", schedule, jobSpecification: { poolInfo } } });
}

function isWellFormed({ method }: FuzzedRequest, answer: RawAnswer): boolean {
  if (answer.status < 400) return true;
  if (method === "HEAD") return answer.text === "";
  const { code, message } = Object(answer.json);
  return /^\w+$/.test(code) && message?.value?.includes(`RequestId:${answer.headers["request-id"]}`);
}

test(`${runs} requests of all kinds are answered without a fault of ours`, async () => {
  const sent = { count: 0 };
  await fc.assert(
    fc.asyncProperty(requests, async (fuzzed) => {
      if (sent.count++ % 25 === 0) await seed();
      const answer = await call(fuzzed.method, fuzzed.path, fuzzed.request);
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      expect([answer.status < 500 || answer.status === 501, answer.text]).toEqual([true, answer.text]);
      expect([isWellFormed(fuzzed, answer), answer.text]).toEqual([true, answer.text]);
    }),
    { numRuns: runs, interruptAfterTimeLimit: 3_000_000, markInterruptAsFailure: true },
  );
  console.info("answered", Object.fromEntries([...statuses].sort()));
}, 3_600_000);

test("and the database is as consistent as before", async () => {
  const { database } = service;
  const wrongCounts = await database`
    select j.id, counted.active, real.active as found
    from job j
    left join (select job_pk, sum(active) as active, sum(succeeded + failed) as completed from task_count group by 1)
      counted on counted.job_pk = j.pk
    left join (
      select job_pk, count(*) filter (where state = 'active') as active,
        count(*) filter (where state = 'completed') as completed
      from task group by 1
    ) real on real.job_pk = j.pk
    where coalesce(counted.active, 0) <> coalesce(real.active, 0)
      or coalesce(counted.completed, 0) <> coalesce(real.completed, 0)`;
  expect([...wrongCounts]).toEqual([]);
  const orphans = await database`select pk from task t where not exists (select from job j where j.pk = t.job_pk)`;
  expect(orphans).toHaveLength(0);
  expect((await call("GET", "/jobs/seed/taskcounts")).status).toBeLessThan(500);
});
