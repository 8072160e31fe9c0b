import type { Database } from "@kyanite/service";
import { type TemporaryDatabase, temporaryDatabase } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cursorAfterRow } from "../../src/domain/event/cursor.ts";
import type { EventRow } from "../../src/domain/event/event.ts";
import { after } from "../../src/domain/time.ts";
import { countPlatformEvents } from "../../src/events/platform-events.ts";
import { readRowsAfter } from "../../src/events/reading.ts";
import { recentRows } from "../../src/events/recent-rows.ts";
import { forgetEvents } from "../../src/loops/keep-events.ts";
import { type EventGrain, useEventGrain } from "../../src/store/event-grain.ts";
import { giveEventPositions, readEventBounds, readEvents } from "../../src/store/events.ts";

let temporary: TemporaryDatabase;
let database: Database;
const now = new Date();

beforeAll(async () => {
  temporary = await temporaryDatabase();
  database = temporary.database;
  await database`insert into account (name, keys, creation_time) values ('a', '{}', ${now})`;
});
afterAll(() => temporary[Symbol.asyncDispose]());

async function addJob(id: string, tasks: number): Promise<void> {
  await database`
    insert into job (
      account_pk, key, id, last_modified, creation_time, state, state_transition_time, pool_key, pool_id, priority,
      max_parallel_tasks, uses_task_dependencies, on_all_tasks_complete, on_task_failure, start_time, spec
    ) select pk, ${id}, ${id}, ${now}, ${now}, 'active', ${now}, 'p', 'p', 0, -1, false, 'noaction', 'noaction', ${now}, '{}'
    from account`;
  await database`
    insert into task (job_pk, key, id, last_modified, creation_time, state, state_transition_time, required_slots, spec)
    select pk, 't' || n, 't' || n, ${now}, ${now}, 'active', ${now}, 1, '{}' from job, generate_series(1, ${tasks}) n
    where key = ${id}`;
}

async function allRows(from: number): Promise<EventRow[]> {
  const rows: EventRow[] = [];
  for (;;) {
    const more = await readEvents(database, rows.at(-1)?.position ?? from, 100);
    if (more.length === 0) return rows;
    rows.push(...more);
  }
}

const end = async () => (await readEventBounds(database)).last;

test("a statement makes one row, whatever it changes of a job", async () => {
  const before = await end();
  await addJob("one", 200);
  await database`update task set state = 'running' where key like 't%'`;
  await giveEventPositions(database, 1_000);
  const rows = await allRows(before);
  expect(rows.map(({ kind, change, size }) => [kind, change, size])).toEqual([
    ["job", "created", 1],
    ["task", "created", 200],
    ["task", "changed", 200],
  ]);
});

test("what is in memory for many readers are the rows of the table, wherever they begin", async () => {
  const first = await end();
  const read = recentRows(database);
  const check = async (...starts: readonly number[]) => {
    const positions = starts.map((start) => first + start);
    const found = await Promise.all(positions.map((position) => read(cursorAfterRow(position), 50)));
    for (const [index, position] of positions.entries())
      expect(found[index]).toEqual(await readRowsAfter(database, cursorAfterRow(position), 50));
  };
  const addJobs = async (from: number, to: number) => {
    for (let n = from; n < to; n++) await addJob(`recent${n}`, 0);
    await giveEventPositions(database, 1_000);
  };
  await addJobs(0, 120);
  await check(0, 0, 30, 70);
  await check(0, 10, 49, 50, 51, 99, 100, 119, 120);
  await addJobs(120, 190);
  await check(120, 120, 110, 0);
  await check(189, 190, 150, 119);
});

test("of tasks the feed tells as much as it is set to, and of jobs always", async () => {
  const rowsOf = async (grain: EventGrain) => {
    await useEventGrain(database, grain);
    const before = await end();
    await addJob(grain, 3);
    const tasks = await database<{ pk: number }[]>`
      select t.pk from task t join job j on j.pk = t.job_pk where j.key = ${grain} order by t.pk`;
    const [failed = 0, ...others] = tasks.map(({ pk }) => pk);
    await database`update task set state = 'completed', result = 'success' where pk = any(${others}::bigint[])`;
    await database`update task set state = 'completed', result = 'failure' where pk = ${failed}`;
    await database`delete from task where pk = ${failed}`;
    await giveEventPositions(database, 1_000);
    return (await allRows(before)).map(({ kind, change, size }) => `${kind} ${change} ${size}`);
  };
  expect(await rowsOf("none")).toEqual(["job created 1"]);
  expect(await rowsOf("failures")).toEqual(["job created 1", "task changed 1"]);
  expect(await rowsOf("all")).toEqual([
    "job created 1",
    "task created 3",
    "task changed 2",
    "task changed 1",
    "task deleted 1",
  ]);
});

test("events are counted by the names that Azure Monitor has for them", async () => {
  const counts = new Map<string, number>();
  const order = async () => {
    const placed = await giveEventPositions(database, 1_000);
    await countPlatformEvents(database, placed, (account, event, count) => {
      counts.set(`${account} ${event}`, (counts.get(`${account} ${event}`) ?? 0) + count);
    });
  };
  const change = async (change: string, where = "true") => {
    await database.unsafe(
      `update task set ${change} from job j where j.pk = job_pk and j.key = 'counted' and ${where}`,
    );
    await order();
  };
  await giveEventPositions(database, 1_000);
  await addJob("counted", 3);
  await order();
  await change("state = 'preparing'", "task.key = 't1'");
  await change("state = 'active'", "task.key = 't1'");
  await change("state = 'running'");
  await change("state = 'active', requeue_count = requeue_count + 1", "task.key = 't1'");
  await change("state = 'completed', result = 'success'", "task.key = 't2'");
  await change("state = 'completed', result = 'failure'", "task.key = 't3'");
  await database`update job set state = 'terminating' where key = 'counted'`;
  await order();
  expect(Object.fromEntries(counts)).toEqual({
    "a JobStartEvent": 1,
    "a TaskScheduleFailEvent": 1,
    "a TaskStartEvent": 3,
    "a TaskRequeueEvent": 1,
    "a TaskCompleteEvent": 2,
    "a TaskFailEvent": 1,
    "a JobTerminateStartEvent": 1,
  });
});

test("what is no change of a state makes no row", async () => {
  const before = await end();
  await database`update task set waiting_for = waiting_for + 1`;
  await database`update job set turn_time = ${now}, last_modified = ${now}`;
  await giveEventPositions(database, 1_000);
  expect(await end()).toBe(before);
});

test("a transaction that stays open is not skipped, and holds nobody up", async () => {
  await addJob("open", 2);
  await giveEventPositions(database, 1_000);
  const before = await end();
  const open = await database.reserve();
  await open`begin`;
  await open`update task set state = 'running' where key = 't1' and job_pk = (select pk from job where key = 'open')`;
  await database`update task set state = 'running' where key = 't2' and job_pk = (select pk from job where key = 'open')`;
  await giveEventPositions(database, 1_000);
  const ids = (rows: readonly EventRow[]) =>
    rows.flatMap((row) => (row.kind === "task" ? row.changes.map(({ id }) => id) : []));
  expect(ids(await allRows(before))).toEqual(["t2"]);
  const later = await end();
  await open`commit`;
  open.release();
  await giveEventPositions(database, 1_000);
  expect(ids(await allRows(later))).toEqual(["t1"]);
});

test("many writers and several who give positions at once: nothing is missing, and each task's changes are in order", async () => {
  const tasks = 12;
  await addJob("many", tasks);
  await giveEventPositions(database, 1_000);
  const before = await end();
  const writing = Array.from({ length: 6 }, (_, writer) => write(writer, tasks));
  let isWriting = true;
  const ordering = Array.from({ length: 2 }, async () => {
    while (isWriting) await giveEventPositions(database, 7);
  });
  const written = (await Promise.all(writing)).flat();
  isWriting = false;
  await Promise.all(ordering);
  await giveEventPositions(database, 10_000);
  const rows = await allRows(before);
  expect(rows.map(({ position }) => position)).toEqual(rows.map((_, index) => before + index + 1));
  const seen = new Map<string, number[]>();
  for (const row of rows)
    if (row.kind === "task")
      for (const { id, retry_count } of row.changes) seen.set(id, [...(seen.get(id) ?? []), retry_count]);
  // Each change of a task counts one up, so that their right order shows.
  for (const [id, counts] of seen) expect(counts, id).toEqual(counts.map((_, index) => index + 1));
  expect([...seen.values()].reduce((total, counts) => total + counts.length, 0)).toBe(
    written.reduce((a, b) => a + b, 0),
  );
}, 120_000);

/** Changes tasks in transactions of several statements, some of which touch the same tasks as others' do. */
async function write(writer: number, tasks: number): Promise<number[]> {
  const counts: number[] = [];
  for (let round = 0; round < 25; round++)
    await database.begin(async (sql) => {
      // Taken early, so that the numbers of transactions are in another order than their changes.
      await sql`select pg_current_xact_id()`;
      const keys = [0, 1].map((n) => `t${((writer * 5 + round * 7 + n) % tasks) + 1}`).sort();
      for (const key of keys) {
        const changed = await sql`
          update task set retry_count = retry_count + 1, state = case state when 'running' then 'active' else 'running' end
          where key = ${key} and job_pk = (select pk from job where key = 'many')`;
        counts.push(changed.count);
      }
      if (round % 5 === 0) await sql`select pg_sleep(0.005)`;
    });
  return counts;
}

test("old events are forgotten a slot at a time, and a cursor before them is told the oldest", async () => {
  const retention = { eventRetentionHours: 24, eventRetentionCount: 1_000_000 };
  const round = (hours: number) => forgetEvents(database, retention).round(after(new Date(), hours * 3_600));
  const old = await end();
  await round(5);
  await addJob("later", 1);
  await giveEventPositions(database, 1_000);
  expect((await readEventBounds(database)).first).toBe(1);
  await round(30);
  const { first, last } = await readEventBounds(database);
  expect({ first, last }).toEqual({ first: old + 1, last: old + 2 });
  await expect(readRowsAfter(database, cursorAfterRow(old - 1), 10)).rejects.toMatchObject({
    code: "EventCursorTooOld",
    values: { OldestCursor: String(old) },
  });
  expect(await readRowsAfter(database, cursorAfterRow(old), 10)).toHaveLength(2);
});

test("a slot is not emptied before all of it can be read", async () => {
  const retention = { eventRetentionHours: 1, eventRetentionCount: 1_000_000 };
  const round = (hours: number) => forgetEvents(database, retention).round(after(new Date(), hours * 3_600));
  await addJob("unread", 1);
  await round(40);
  await round(50);
  const { first } = await readEventBounds(database);
  await giveEventPositions(database, 1_000);
  expect((await allRows(first - 1)).filter(({ about }) => about.jobId === "unread")).toHaveLength(2);
});
