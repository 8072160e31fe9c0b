import { type Database, transaction } from "./database.ts";

/** Of which changes of tasks the feed tells. */
export type EventGrain = "all" | "failures" | "none";

/** The triggers that write the events of tasks, by the grains for which they do. */
const triggers: Readonly<Record<string, readonly EventGrain[]>> = {
  events_of_new_tasks: ["all"],
  events_of_changed_tasks: ["all"],
  events_of_failed_tasks: ["failures"],
  events_of_deleted_tasks: ["all"],
};

/**
 * Has the feed tell of these changes of tasks from now on, whichever server makes them. What need not be changed is not
 * touched: a trigger is switched under a lock that waits for all who change tasks.
 */
export async function useEventGrain(database: Database, grain: EventGrain): Promise<void> {
  await transaction(database, async (sql) => {
    const present = await sql<{ name: string; isEnabled: boolean }[]>`
      select tgname as name, tgenabled <> 'D' as is_enabled from pg_trigger
      where tgrelid = 'task'::regclass and tgname = any(${Object.keys(triggers)})`;
    for (const { name, isEnabled } of present) {
      const isWanted = triggers[name]?.includes(grain) === true;
      if (isEnabled !== isWanted)
        await sql`alter table task ${isWanted ? sql`enable` : sql`disable`} trigger ${sql(name)}`;
    }
  });
}
