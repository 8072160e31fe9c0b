import { type Database, type DatabaseAddress, openDatabase } from "@kyanite/service";

interface ManyTasks {
  readonly jobId: string;
  readonly count: number;
  readonly signal: AbortSignal;
}

/**
 * Puts tasks that wait into a job without the API, which would take minutes for a million. The rows are those that
 * `addtaskcollection` makes.
 */
export async function addTasksBySql(address: DatabaseAddress, { jobId, count, signal }: ManyTasks): Promise<void> {
  const database = openDatabase({ ...address, maxConnections: 1 });
  try {
    for (let first = 0; first < count; first += 50_000) {
      signal.throwIfAborted();
      await insert(database, jobId, first, Math.min(count, first + 50_000));
    }
    // What the database does about so many new rows, now or later, is no cost of scheduling them.
    await database`vacuum (analyze) task`;
  } finally {
    await database.end();
  }
}

async function insert(database: Database, jobId: string, first: number, end: number): Promise<void> {
  await database`
    insert into task (
      job_pk, key, id, last_modified, creation_time, state, state_transition_time, required_slots, spec
    )
    select j.pk, 't' || n, 't' || n, now(), now(), 'active', now(), 1,
      jsonb_build_object('id', 't' || n, 'commandLine', '/bin/true', 'requiredSlots', 1)
    from job j, generate_series(${first}::int, ${end - 1}::int) n
    where j.key = ${jobId}`;
}
