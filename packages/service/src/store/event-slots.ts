import type { EventSlot } from "../domain/event/slots.ts";
import { type Database, type Sql, sqlState } from "./database.ts";

/** The partitions of the feed as they are, and the counter of changes. */
export interface SlotsRow {
  readonly current: number;
  readonly changes: number;
  readonly slots: readonly EventSlot[];
}

export async function readEventSlots(sql: Sql): Promise<SlotsRow> {
  const slots = await sql<EventSlot[]>`select slot, began, changes from event_slot order by slot`;
  const [now] = await sql<{ current: number; changes: number }[]>`
    select f.slot as current, c.changes from event_feed f, event_counter c`;
  return { current: now?.current ?? 0, changes: now?.changes ?? 0, slots };
}

/** From here on writers write to another slot, which is empty. */
export async function useEventSlot(sql: Sql, slot: number, { began, changes }: Omit<EventSlot, "slot">): Promise<void> {
  await sql`update event_slot set began = ${began}, changes = ${changes} where slot = ${slot}`;
  await sql`update event_feed set slot = ${slot}`;
}

/**
 * Forgets all events of a slot at once.
 * @returns false when somebody reads or writes it just now, or some of it has no position yet
 */
export async function emptyEventSlot(database: Database, slot: number): Promise<boolean> {
  try {
    return await database.begin(async (sql) => {
      const table = `event_${Math.trunc(slot)}`;
      // Whoever waits for the lock makes others wait, so not for long.
      await sql`set local lock_timeout = '100ms'`;
      await sql.unsafe(`lock table ${table} in access exclusive mode`);
      const unread = await sql.unsafe(`select from ${table} where position is null limit 1`);
      if (unread.length > 0) return false;
      await sql.unsafe(`truncate ${table}`);
      await sql`update event_slot set began = null, changes = null where slot = ${slot}`;
      return true;
    });
  } catch (cause) {
    if (sqlState(cause) === lockNotAvailable) return false;
    throw cause;
  }
}

const lockNotAvailable = "55P03";
