import { type SampleVariable, sampleVariables } from "@kyanite/autoscale";
import { type TemporaryDatabase, temporaryDatabase } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { after } from "../../src/domain/time.ts";
import {
  beginSampling,
  deleteSamples,
  insertNodeSamples,
  insertPoolSamples,
  readPoolHistory,
} from "../../src/store/samples.ts";

let temporary: TemporaryDatabase;

const at = new Date("2026-01-01T12:00:00Z");
const periodSeconds = 30;

beforeAll(async () => {
  temporary = await temporaryDatabase();
  const { database } = temporary;
  await database`insert into account (name, keys, creation_time) values ('a', '{}', ${at})`;
  for (const [key, creation] of [
    ["busy", after(at, -60)],
    ["idle", after(at, -60)],
    ["new", after(at, 1)],
  ] as const)
    await database`
      insert into pool (
        account_pk, key, id, last_modified, creation_time, state, state_transition_time, allocation_state,
        allocation_state_transition_time, vm_size, enable_auto_scale, enable_inter_node_communication,
        target_dedicated_nodes, target_low_priority_nodes, task_slots_per_node, spec, resize_timeout_seconds
      ) select pk, ${key}, ${key}, ${at}, ${creation}, 'active', ${at}, 'steady', ${at}, 'x', true, false, 0, 0, 4, '{}', 0
      from account`;
  await database`
    insert into node (pool_pk, id, state, state_transition_time, is_dedicated, allocation_time, slots)
    select pk, g.id, g.state, ${at}, g.dedicated, ${at}, 4
    from pool, (values ('n1', 'idle', true), ('n2', 'running', true), ('n3', 'preempted', false)) g (id, state, dedicated)
    where key = 'busy'`;
  for (const [key, state, usesDependencies] of [
    ["plain", "active", false],
    ["dependent", "disabled", true],
    ["done", "completed", false],
  ] as const)
    await database`
      insert into job (
        account_pk, key, id, last_modified, creation_time, state, state_transition_time, pool_key, pool_id, priority,
        max_parallel_tasks, uses_task_dependencies, on_all_tasks_complete, on_task_failure, start_time, spec
      ) select pk, ${key}, ${key}, ${at}, ${at}, ${state}, ${at}, 'busy', 'busy', 0, -1, ${usesDependencies}, 'noaction',
        'noaction', ${at}, '{}' from account`;
  const addTasks = (
    job: string,
    count: number,
    state: string,
    more: { result?: string; waitingFor?: number; instances?: number } = {},
  ) =>
    database`
      insert into task (
        job_pk, key, id, last_modified, creation_time, state, state_transition_time, required_slots, waiting_for,
        instances, result, spec
      ) select pk, gen_random_uuid()::text, 't', ${at}, ${at}, ${state}, ${at}, 2, ${more.waitingFor ?? 0},
        ${more.instances ?? null}, ${more.result ?? null}, '{}' from job, generate_series(1, ${count}) where key = ${job}`;
  await addTasks("plain", 5, "active");
  await addTasks("plain", 1, "active", { instances: 10 });
  await addTasks("plain", 2, "running");
  await addTasks("plain", 1, "preparing");
  await addTasks("plain", 7, "completed", { result: "success" });
  await addTasks("dependent", 3, "active");
  await addTasks("dependent", 4, "active", { waitingFor: 1 });
  await addTasks("done", 9, "active");
  await addTasks("done", 6, "completed", { result: "failure" });
});
afterAll(() => temporary[Symbol.asyncDispose]());

const aSample = (cpuPercent: number) => ({
  at: at.toISOString(),
  cpuPercent,
  memoryUsedBytes: 3 * 2 ** 20,
  memoryTotalBytes: 2 ** 30,
  diskReadBytes: 10,
  diskWriteBytes: 20,
  diskReadOperations: 1,
  diskWriteOperations: 2,
  networkInBytes: 100,
  networkOutBytes: 200,
  diskFreeBytes: 2 ** 30,
  diskTotalBytes: 3 * 2 ** 30,
});

async function readLast(key: string): Promise<Partial<Record<SampleVariable, number>>> {
  const [pool] = await temporary.database<{ pk: number }[]>`select pk from pool where key = ${key}`;
  const variables = new Set(sampleVariables);
  const history = await readPoolHistory(temporary.database, pool?.pk ?? 0, variables, { now: at, periodSeconds });
  return Object.fromEntries(
    sampleVariables.flatMap((variable) => {
      const last = history.samplesOf(variable).at(-1);
      return last ? [[variable, last.value]] : [];
    }),
  );
}

test("a sample counts tasks, nodes and what agents said in the period", async () => {
  const { database } = temporary;
  const nodes = await database<{ pk: number }[]>`select pk from node order by id`;
  const [one = 0, other = 0] = nodes.map(({ pk }) => pk);
  await insertNodeSamples(database, [{ nodePk: one, sample: aSample(100) }], after(at, -31));
  await insertNodeSamples(
    database,
    [
      { nodePk: one, sample: aSample(50) },
      { nodePk: other, sample: aSample(0) },
      { nodePk: 999_999, sample: aSample(0) },
    ],
    after(at, -10),
  );
  await insertPoolSamples(database, { at, periodSeconds });
  expect(await readLast("busy")).toEqual({
    $ActiveTasks: 18,
    $RunningTasks: 3,
    $PendingTasks: 21,
    $SucceededTasks: 7,
    $FailedTasks: 6,
    $ActiveSlots: 27,
    $RunningSlots: 6,
    $PendingSlots: 33,
    $OldestWaitSeconds: 0,
    $TaskSlotsPerNode: 4,
    $CurrentDedicatedNodes: 2,
    $CurrentLowPriorityNodes: 1,
    $UsableNodeCount: 2,
    $PreemptedNodeCount: 1,
    $SampleNodeCount: 2,
    $CPUPercent: 0.25,
    $WallClockSeconds: 90,
    $MemoryBytes: 3,
    $DiskBytes: 2,
    $DiskReadBytes: 20,
    $DiskWriteBytes: 40,
    $DiskReadOps: 2,
    $DiskWriteOps: 4,
    $NetworkInBytes: 200,
    $NetworkOutBytes: 400,
  });
});

test("each moment is sampled once, and none before it", async () => {
  const { database } = temporary;
  const begun = [];
  for (const seconds of [0, 0, -30, 30]) begun.push(await beginSampling(database, after(at, seconds)));
  expect(begun).toEqual([true, false, false, true]);
});

test("an idle pool has samples of zero, and a pool that was made since has none", async () => {
  const idle = await readLast("idle");
  expect(Object.keys(idle)).toHaveLength(sampleVariables.length);
  expect(Object.entries(idle).filter(([, value]) => value !== 0)).toEqual([["$TaskSlotsPerNode", 4]]);
  expect(await readLast("new")).toEqual({});
});

test("what is older than it needs to be is forgotten", async () => {
  const { database } = temporary;
  await deleteSamples(database, { node: after(at, -20), pool: at });
  expect(await database`select from node_sample`).toHaveLength(2);
  expect(await readLast("busy")).not.toEqual({});
  await deleteSamples(database, { node: at, pool: after(at, 1) });
  expect(await database`select from node_sample`).toHaveLength(0);
  expect(await readLast("busy")).toEqual({});
});
