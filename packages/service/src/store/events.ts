import type { EventRow, OtherRow } from "../domain/event/event.ts";
import type { TaskTurn } from "../domain/event/task-events.ts";
import { asArray, type Database, type Sql, transaction } from "./database.ts";
import { notify } from "./notices.ts";

/** The only file that reads and orders the feed; triggers write it (see migration 0080). */

/**
 * Gives the rows that have none their positions, in the order of their ids. One of two changes of a resource has the
 * lower id when it was made first, and is committed when the other one can be seen, so it gets the lower position.
 * @returns the rows that have them now
 */
export async function giveEventPositions(database: Database, limit: number): Promise<PlacedRows> {
  return transaction(database, async (sql) => {
    // Whoever gives positions holds the counter, so that what it reads after that is not given any by somebody else.
    const [counter] = await sql<{ position: number }[]>`select position from event_counter for update`;
    const rows = await sql<NewRow[]>`
      select slot, id, size from event where position is null order by id limit ${limit}`;
    if (!counter || rows.length === 0) return { count: 0, last: counter?.position ?? 0 };
    await savePositions(sql, rows, counter.position);
    const changes = rows.reduce((total, { size }) => total + size, 0);
    await sql`update event_counter set position = position + ${rows.length}, changes = changes + ${changes}`;
    await notify(sql, "positions");
    return { count: rows.length, last: counter.position + rows.length };
  });
}

/** Rows that follow each other in the feed. */
export interface PlacedRows {
  readonly count: number;
  /** The position of the last one. */
  readonly last: number;
}

/** Changes of an account's tasks that mean the same documented events, and how many they are. */
export interface AlikeChanges extends TaskTurn {
  readonly account: string;
  readonly count: number;
}

export async function readAlikeChanges(sql: Sql, { count, last }: PlacedRows): Promise<AlikeChanges[]> {
  return sql<AlikeChanges[]>`
    select a.name as account, t.state, t.previous_state, t.result, t.is_requeue, t.is_internal_retry,
      count(*)::integer as count
    from event e join account a on a.pk = e.account_pk, unnest(e.tasks) t
    where e.position > ${last - count} and e.position <= ${last} and e.kind = 'task' and e.change = 'changed'
    group by 1, 2, 3, 4, 5, 6`;
}

/** The rows about pools and jobs, each with its account's name. */
export async function readRowsOfPoolsAndJobs(
  sql: Sql,
  { count, last }: PlacedRows,
): Promise<(OtherRow & { readonly account: string })[]> {
  return sql<(OtherRow & { readonly account: string })[]>`
    select a.name as account, e.position, e.time, e.account_pk, e.kind, e.change, e.size, e.about,
      jsonb_build_array(e.facts) as changes
    from event e join account a on a.pk = e.account_pk
    where e.position > ${last - count} and e.position <= ${last} and e.kind in ('pool', 'autoScale', 'job')`;
}

interface NewRow {
  readonly slot: number;
  readonly id: number;
  readonly size: number;
}

/** A statement for each slot, of which there is hardly ever more than one: it looks at that partition only. */
async function savePositions(sql: Sql, rows: readonly NewRow[], last: number): Promise<void> {
  for (const slot of new Set(rows.map((row) => row.slot))) {
    const given = rows.flatMap((row, index) => (row.slot === slot ? [{ id: row.id, position: last + index + 1 }] : []));
    await sql`
      update event e set position = given.position
      from unnest(
        ${asArray(given.map(({ id }) => id))}::text::bigint[], ${asArray(given.map(({ position }) => position))}::text::bigint[]
      ) as given (id, position)
      where e.slot = ${slot} and e.id = given.id and e.position is null`;
  }
}

/** The rows after a position, in order. */
export async function readEvents(sql: Sql, after: number, limit: number): Promise<EventRow[]> {
  return sql<EventRow[]>`
    select position, time, account_pk, kind, change, size, about,
      coalesce(to_jsonb(tasks), jsonb_build_array(facts)) as changes
    from event where position > ${after} order by position limit ${limit}`;
}

/** The first and the last position that are kept; of an empty feed the first is the next one to be given. */
export interface EventBounds {
  readonly first: number;
  readonly last: number;
}

export async function readEventBounds(sql: Sql): Promise<EventBounds> {
  const [bounds] = await sql<EventBounds[]>`
    select coalesce((select position from event where position > 0 order by position limit 1), c.position + 1) as first,
      c.position as last
    from event_counter c`;
  return bounds ?? { first: 1, last: 0 };
}

/** When the row at a position was written; undefined when it is not kept. */
export async function readEventTime(sql: Sql, position: number): Promise<Date | undefined> {
  const [row] = await sql<{ time: Date }[]>`select time from event where position = ${position}`;
  return row?.time;
}

/** Has writers tell of what they write, for so long: somebody waits for events. */
export async function watchEvents(sql: Sql, seconds: number): Promise<void> {
  await sql`
    update event_feed set watched_until = clock_timestamp() + make_interval(secs => ${seconds})
    where watched_until < clock_timestamp() + make_interval(secs => ${seconds / 2})`;
}
