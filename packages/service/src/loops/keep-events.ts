import { type EventRetention, expiredSlots, nextSlot } from "../domain/event/slots.ts";
import { type CountEvents, countPlatformEvents } from "../events/platform-events.ts";
import { type Database, transaction } from "../store/database.ts";
import { emptyEventSlot, readEventSlots, useEventSlot } from "../store/event-slots.ts";
import { giveEventPositions } from "../store/events.ts";
import type { Loop } from "./loop.ts";

/** So many rows get their positions in a transaction. */
const rowsAtOnce = 1_000;

/**
 * Gives new events their positions, by which they are read, and counts those that are documented. Without anybody who
 * waits for them this has time.
 */
export function orderEvents(database: Database, count: CountEvents): Loop {
  return {
    name: "order-events",
    everySeconds: 1,
    notice: "events",
    gatherMilliseconds: 20,
    round: async () => {
      const placed = await giveEventPositions(database, rowsAtOnce);
      await countPlatformEvents(database, placed, count);
      return placed.count === rowsAtOnce;
    },
  };
}

/** Forgets old events, a partition at a time. */
export function forgetEvents(database: Database, retention: EventRetention): Loop {
  return {
    name: "forget-events",
    everySeconds: 10,
    round: async (now) => {
      for (const slot of expiredSlots(await readEventSlots(database), retention, now))
        await emptyEventSlot(database, slot);
      const slots = await readEventSlots(database);
      const next = nextSlot(slots, retention, now);
      if (next !== undefined)
        await transaction(database, (sql) => useEventSlot(sql, next, { began: now, changes: slots.changes }));
      return false;
    },
  };
}
