import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog, isRunning, systemClock, waitUntil } from "@kyanite/runtime";
import { startEmbeddedPostgres } from "@kyanite/service";
import { expect, test } from "vitest";
import {
  type Database,
  isDatabaseAway,
  keepArrayTypes,
  openDatabase,
  transaction,
  undoneOnFailure,
} from "../../src/store/database.ts";

const restarts = Number(process.env.KYANITE_DATABASE_RESTARTS ?? 8);

/** What the workers have seen. */
interface Seen {
  answered: number;
  failed: number;
  readonly wrong: unknown[];
}

/** One statement after the other until `signal` aborts, each a kind of its own. */
async function work(database: Database, worker: number, { seen, signal }: { seen: Seen; signal: AbortSignal }) {
  for (let count = 0; !signal.aborted; count += 1) {
    const key = `${worker}.${count}`;
    try {
      const answer = count % 2 === 0 ? await insertTwice(database, key) : await readBack(database, key);
      if (answer !== key) seen.wrong.push({ key, answer });
      seen.answered += 1;
    } catch (cause) {
      seen.failed += 1;
      if (!isDatabaseAway(cause)) seen.wrong.push({ key, cause });
      await systemClock.sleep(5);
    }
  }
}

const readBack = async (database: Database, key: string) =>
  (await database<{ keys: string[] }[]>`select ${[key]}::text[] as keys, pg_sleep(0.002)`)[0]?.keys[0];

const insertTwice = (database: Database, key: string) =>
  transaction(database, async (sql) => {
    await sql`insert into pair values (${key}, 1)`;
    await undoneOnFailure(sql, () => sql`select pg_sleep(0.002)`);
    // Elsewhere than in the database, so that the connection may be lost while no statement waits.
    await systemClock.sleep(1);
    const [row] = await sql<{ key: string }[]>`insert into pair values (${key}, 2) returning key`;
    return row?.key;
  });

test(`${restarts} restarts of the database under load: every statement ends, as it should or as one that was lost`, async () => {
  const dataDirectory = await mkdtemp(join(tmpdir(), "kyanite-restarts-"));
  await chmod(dataDirectory, 0o711);
  const postgres = await startEmbeddedPostgres({ dataDirectory, clock: systemClock, log: createLog("silent") });
  const database = openDatabase({ ...postgres.connection, maxConnections: 6 });
  const stopping = new AbortController();
  const seen: Seen = { answered: 0, failed: 0, wrong: [] };
  try {
    await database`create table pair (key text, part integer)`;
    keepArrayTypes(database);
    let notices = 0;
    await database.listen("pairs", () => {
      notices += 1;
    });
    const workers = Array.from({ length: 12 }, (_, worker) =>
      work(database, worker, { seen, signal: stopping.signal }),
    );
    for (let restart = 0; restart < restarts; restart += 1) {
      const before = seen.answered;
      const isBusy = () => seen.answered > before + 20 + 7 * (restart % 5);
      expect(await waitUntil(isBusy, { clock: systemClock, timeoutMilliseconds: 30_000 })).toBe(true);
      process.kill(postgres.process.pid, restart % 2 === 0 ? "SIGKILL" : "SIGINT");
      const hasEnded = () => !isRunning(postgres.process);
      expect(await waitUntil(hasEnded, { clock: systemClock, timeoutMilliseconds: 30_000 })).toBe(true);
      await postgres.restart();
    }
    const isNoticed = async () => {
      await database`select pg_notify('pairs', '')`.catch(() => {});
      return notices > 0;
    };
    expect(await waitUntil(isNoticed, { clock: systemClock, timeoutMilliseconds: 30_000 })).toBe(true);
    stopping.abort();
    await Promise.all(workers);
    expect(seen.wrong).toEqual([]);
    expect(await database`select key from pair group by key having count(*) <> 2`).toEqual([]);
    console.log(`${restarts} restarts, ${seen.answered} answered, ${seen.failed} lost`);
  } finally {
    stopping.abort();
    await database.end({ timeout: 1 });
    await postgres.stop();
    await rm(dataDirectory, { recursive: true, force: true });
  }
}, 900_000);
