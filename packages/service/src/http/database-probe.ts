import type { Clock } from "@kyanite/runtime";
import type { Database } from "../store/database.ts";

const patienceSeconds = 2;

/**
 * What keeps the database from answering, undefined when it does. All who ask wait for the same statement, also when it
 * was sent for others, so that a database that hangs collects no more of them.
 */
export function databaseProbe(database: Database, clock: Clock): () => Promise<string | undefined> {
  let asked: Promise<string | undefined> | undefined;
  const ask = () =>
    database`select 1`
      .then(
        () => undefined,
        () => "the database is away",
      )
      .finally(() => {
        asked = undefined;
      });
  return async () => {
    asked ??= ask();
    const answered = new AbortController();
    const late = clock.sleep(patienceSeconds * 1000, answered.signal).then(() => "the database does not answer");
    try {
      return await Promise.race([asked, late]);
    } finally {
      answered.abort();
    }
  };
}
