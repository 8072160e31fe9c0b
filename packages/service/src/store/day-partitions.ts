import { after } from "../domain/time.ts";
import { advisoryKey, type Database, transaction } from "./database.ts";

/** Tables that have a partition for each day of UTC, which is dropped as a whole when nobody wants it any more. */

const daySeconds = 24 * 3_600;

/** Rows of today and tomorrow find their partition from here on; any number of servers may ask for it at once. */
export async function makeDays(database: Database, table: string, now: Date): Promise<void> {
  await makeDay(database, table, now);
  await makeDay(database, table, after(now, daySeconds));
}

async function makeDay(database: Database, table: string, at: Date): Promise<void> {
  const day = dayOf(at);
  const partition = partitionOf(table, day);
  await transaction(database, async (sql) => {
    await sql`select pg_advisory_xact_lock(${advisoryKey(`days of ${table}`)})`;
    const [found] = await sql<{ isThere: boolean }[]>`select to_regclass(${partition}) is not null as is_there`;
    if (found?.isThere) return;
    await sql`create table ${sql(partition)} (like ${sql(table)} including all)`;
    // To attach it holds up neither readers nor writers, as to create it in its place would. Such statements take no parameters.
    await sql.unsafe(
      `alter table ${table} attach partition ${partition} for values from ('${day}') to ('${dayOf(after(new Date(day), daySeconds))}')`,
    );
  });
}

/**
 * Drops the partitions of days that ended before an instant.
 * @throws when somebody reads the table for too long; nobody waits behind us then
 */
export async function dropDaysBefore(database: Database, table: string, instant: Date): Promise<void> {
  const oldest = partitionOf(table, dayOf(instant));
  const days = await database<{ name: string }[]>`
    select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = ${table}::regclass and c.relname < ${oldest} order by c.relname`;
  for (const { name } of days)
    await transaction(database, async (sql) => {
      await sql`set local lock_timeout = '1s'`;
      await sql`drop table if exists ${sql(name)}`;
    });
}

const dayOf = (instant: Date) => instant.toISOString().slice(0, 10);

const partitionOf = (table: string, day: string) => `${table}_${day.replaceAll("-", "")}`;
