import { type TemporaryDatabase, temporaryDatabase } from "@kyanite/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseFilter } from "../../src/domain/filter.ts";
import { placeTasks } from "../../src/lifecycle/placement.ts";
import { finishRuns } from "../../src/lifecycle/run.ts";
import { plan } from "../../src/scheduler/plan.ts";
import { readAccount } from "../../src/store/accounts.ts";
import { type Sql, transaction } from "../../src/store/database.ts";
import { readJob } from "../../src/store/jobs.ts";
import { readDuties, takeDirectoryRemovals } from "../../src/store/nodes.ts";
import { readRuns, readWantedRuns } from "../../src/store/runs.ts";
import { readSnapshot } from "../../src/store/snapshot.ts";
import { listTasks, noteStarts } from "../../src/store/tasks.ts";

const at = new Date("2026-01-01T12:00:00Z");
const backlog = 20_000;
const nodes = 2_000;
/** How many tasks a round is about, and how many rows of a table it may look at for each of them. */
const round = 100;
const enough = 15 * round;

let temporary: TemporaryDatabase;

beforeEach(async () => {
  temporary = await temporaryDatabase();
  const { database } = temporary;
  await database`alter table task set (autovacuum_enabled = false)`;
  await database`alter table node set (autovacuum_enabled = false)`;
  await database`insert into account (name, keys, creation_time) values ('a', '{}', ${at})`;
  await database`
    insert into pool (
      account_pk, key, id, last_modified, creation_time, state, state_transition_time, allocation_state,
      allocation_state_transition_time, vm_size, enable_auto_scale, enable_inter_node_communication,
      target_dedicated_nodes, target_low_priority_nodes, task_slots_per_node, spec, resize_timeout_seconds
    ) select pk, 'p', 'p', ${at}, ${at}, 'active', ${at}, 'steady', ${at}, 'x', false, false, 0, 0, 4, '{}', 0
    from account`;
  await database`
    insert into job (
      account_pk, key, id, last_modified, creation_time, state, state_transition_time, pool_key, pool_id, priority,
      max_parallel_tasks, uses_task_dependencies, on_all_tasks_complete, on_task_failure, start_time, spec
    ) select pk, 'j', 'j', ${at}, ${at}, 'active', ${at}, 'p', 'p', 0, -1, false, 'noaction', 'noaction', ${at}, '{}'
    from account`;
}, 60_000);

afterEach(() => temporary[Symbol.asyncDispose]());

async function addNodes(): Promise<void> {
  await temporary.database`
    insert into node (pool_pk, id, state, state_transition_time, is_dedicated, allocation_time, slots)
    select pk, 'n' || n, 'idle', ${at}, true, ${at}, 4 from pool, generate_series(1, ${nodes}::int) n`;
}

async function addTasks(state: "active" | "completed", count = backlog): Promise<void> {
  await temporary.database`
    insert into task (
      job_pk, key, id, last_modified, creation_time, state, state_transition_time, required_slots, result, spec
    ) select pk, gen_random_uuid()::text, 't', ${at}, ${at}, ${state}, ${at}, 1,
      case when ${state} = 'completed' then 'success' end, '{"id": "t", "commandLine": "/bin/true"}'
    from job, generate_series(1, ${count}::int)`;
}

const analyze = () => temporary.database`analyze`;

/** What statistics may say of tables that have changed since. */
const histories: Readonly<Record<string, () => Promise<void>>> = {
  "just filled, and never looked at": async () => {
    await addNodes();
    await addTasks("active");
  },
  "known as empty, and filled since": async () => {
    await analyze();
    await addNodes();
    await addTasks("active");
  },
  "known as they are": async () => {
    await addNodes();
    await addTasks("active");
    await analyze();
  },
  "known as they are, but for the job": async () => {
    await addNodes();
    await addTasks("active");
    await temporary.database`analyze task, node, pool`;
  },
  "known without a task that waits": async () => {
    await addNodes();
    await addTasks("completed");
    await analyze();
    await addTasks("active");
  },
  "planned for when there were few, and filled since": async () => {
    await addNodes();
    await addTasks("active", 30);
    await temporary.database`vacuum task`;
    await transaction(temporary.database, (sql) => readSnapshot(sql, bounds));
    await addTasks("active");
  },
  "known with nothing but tasks that wait, of which few are left": async () => {
    await addNodes();
    await addTasks("active");
    await analyze();
    await temporary.database`
      update task set state = 'completed', result = 'success' where pk not in (select pk from task order by pk limit 500)`;
  },
};

interface Counted {
  readonly table: string;
  readonly rows: number;
}

/** How many rows and index entries of each table the connection of a transaction has looked at so far. */
const countRows = (sql: Sql) => sql<Counted[]>`
  select t.relname as "table", (t.seq_tup_read + coalesce((
    select sum(pg_stat_get_xact_tuples_returned(i.indexrelid)) from pg_index i where i.indrelid = t.relid
  ), 0))::int as rows
  from pg_stat_xact_user_tables t`;

/** Does some work, and answers with the tables of which it read more than is enough. */
async function readTooMuch(work: (sql: Sql) => Promise<unknown>): Promise<Counted[]> {
  return transaction(temporary.database, async (sql) => {
    const before = new Map((await countRows(sql)).map(({ table, rows }) => [table, rows]));
    await work(sql);
    const after = await countRows(sql);
    return after
      .map(({ table, rows }) => ({ table, rows: rows - (before.get(table) ?? 0) }))
      .filter(({ rows }) => rows > enough);
  });
}

// One more is read than may be placed, for a manager that does not suit.
const bounds = { tasksPerPool: round - 1, jobsPerPool: 50 };

async function place(sql: Sql, nodes?: ReadonlyMap<number, number>): Promise<void> {
  const placements = plan(await readSnapshot(sql, nodes ? { ...bounds, nodes } : bounds));
  expect(await placeTasks(sql, placements, at)).toBe(round);
}

// What to choose from is sought among all nodes of a pool.
const exceptNodes = (tables: readonly Counted[]) => tables.filter(({ table }) => table !== "node");

interface Running {
  readonly nodePk: number;
  readonly runId: string;
}

const readRunning = () => temporary.database<Running[]>`
  select node_pk, run_id from task where state = 'running' order by pk limit ${round}`;

const endedAll = (runIds: readonly string[]) =>
  runIds.map((runId) => ({ runId, exit: { kind: "exited", exitCode: 0 } as const, startTime: at, endTime: at }));

const rarelyMet = [
  "state eq 'running'",
  "state ne 'completed' and state ne 'active'",
  "executionInfo/result eq 'failure'",
  "executionInfo/exitCode gt 0 and executionInfo/endTime ge DateTime'2026-01-01T00:00:00Z'",
  "state eq 'completed' and executionInfo/exitCode eq 3 or state eq 'preparing'",
];

describe.each(Object.entries(histories))("with tables that are %s", (_, prepare) => {
  beforeEach(prepare, 60_000);

  test("a round of scheduling reads no more than it places, save the nodes it chooses from", async () => {
    expect(exceptNodes(await readTooMuch((sql) => place(sql)))).toEqual([]);
  });

  test("what an agent is told and reports is found without a look at others", async () => {
    await transaction(temporary.database, (sql) => place(sql));
    const running = await readRunning();
    const nodePks = [...new Set(running.map(({ nodePk }) => nodePk))];
    const runIds = running.map(({ runId }) => runId);
    expect(running).toHaveLength(round);
    expect(await readTooMuch((sql) => readWantedRuns(sql, nodePks))).toEqual([]);
    expect(await readTooMuch((sql) => readRuns(sql, runIds))).toEqual([]);
    expect(await readTooMuch((sql) => readDuties(sql, nodePks))).toEqual([]);
    expect(await readTooMuch((sql) => takeDirectoryRemovals(sql, nodePks))).toEqual([]);
    const starts = runIds.map((runId) => ({ runId, startTime: at }));
    expect(await readTooMuch((sql) => noteStarts(sql, starts))).toEqual([]);
  });

  test("the end of runs is recorded, and their slots filled, without a look at others", async () => {
    await transaction(temporary.database, (sql) => place(sql));
    const running = await readRunning();
    const nodePks = [...new Set(running.map(({ nodePk }) => nodePk))];
    const nodes = new Map(nodePks.map((pk) => [pk, 0]));
    const ended = endedAll(running.map(({ runId }) => runId));
    expect(await readTooMuch((sql) => finishRuns(sql, ended, at))).toEqual([]);
    expect(exceptNodes(await readTooMuch((sql) => place(sql, nodes)))).toEqual([]);
    const placements = plan(await readSnapshot(temporary.database, { ...bounds, nodes }));
    expect(placements).toHaveLength(round);
    expect(await readTooMuch((sql) => placeTasks(sql, placements, at))).toEqual([]);
    const beyond = new Map(nodePks.map((pk) => [pk, 1]));
    expect(exceptNodes(await readTooMuch((sql) => readSnapshot(sql, { ...bounds, nodes: beyond })))).toEqual([]);
  });

  test("a page of tasks is found without a look at others where its filter says what they have come to", async () => {
    const few = temporary.database`select pk from task order by key desc limit ${round}`;
    await temporary.database`
      update task set state = 'completed', result = 'failure', exit_code = 3, end_time = ${at} where pk in (${few})`;
    await temporary.database`
      update task set state = 'running', result = null, exit_code = null, end_time = null
      where pk in (select pk from task where result = 'failure' order by key desc limit ${round / 2})`;
    const account = await readAccount(temporary.database, "a");
    const job = account && (await readJob(temporary.database, account, "j"));
    if (!job) throw new Error("no job");
    for (const text of rarelyMet) {
      const filter = parseFilter(text);
      const read = async (sql: Sql) =>
        expect(await listTasks(sql, job, { filter, limit: round })).toHaveLength(round / 2);
      expect(await readTooMuch(read), text).toEqual([]);
    }
  });
});

test("what some nodes run is found without a look at what others run, also by plans that were made for few", async () => {
  const start = (count: number) => temporary.database`
    update task set state = 'running', run_id = gen_random_uuid(), start_time = ${at},
      node_pk = (select min(pk) from node) + task.pk % ${nodes}
    where pk in (select pk from task where state = 'active' order by pk limit ${count})`;
  const lookUp = async (running: readonly Running[]) => {
    const nodePks = running.map(({ nodePk }) => nodePk);
    const runIds = running.map(({ runId }) => runId);
    return [
      await readTooMuch((sql) => readWantedRuns(sql, nodePks)),
      await readTooMuch((sql) => readRuns(sql, runIds)),
      await readTooMuch((sql) =>
        noteStarts(
          sql,
          runIds.map((runId) => ({ runId, startTime: at })),
        ),
      ),
      await readTooMuch((sql) => finishRuns(sql, endedAll(runIds), at)),
    ];
  };
  await addNodes();
  await temporary.database`update node set state = 'running', used_slots = slots, running_tasks = slots`;
  await addTasks("active", 30);
  await start(10);
  await temporary.database`vacuum task`;
  await lookUp(await readRunning());
  await addTasks("active");
  await start(4 * nodes);
  expect(await lookUp(await readRunning())).toEqual([[], [], [], []]);
});

test("what a node runs is found without a look at what it has run since its tables were last cleaned", async () => {
  await addNodes();
  await addTasks("active");
  const [node] = await temporary.database<{ pk: number }[]>`
    update node set state = 'idle', slots = ${round} where pk = (select min(pk) from node) returning pk`;
  const nodePk = node?.pk ?? 0;
  const nodes = new Map([[nodePk, 0]]);
  for (let ended = 0; ended < 2 * enough; ended += round) {
    await transaction(temporary.database, async (sql) =>
      placeTasks(sql, plan(await readSnapshot(sql, { ...bounds, nodes })), at),
    );
    const running = await readWantedRuns(temporary.database, [nodePk]);
    await transaction(temporary.database, (sql) => finishRuns(sql, endedAll(running.map(({ runId }) => runId)), at));
  }
  expect(await readTooMuch((sql) => readWantedRuns(sql, [nodePk]))).toEqual([]);
});
