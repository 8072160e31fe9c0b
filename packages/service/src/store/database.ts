import { readdir, readFile } from "node:fs/promises";
import type { Clock, Log } from "@kyanite/runtime";
import postgres from "postgres";
import { lastingPool } from "./lasting-pool.ts";

type Types = { bigint: number };

/** What store functions take: a connection pool or a transaction. */
export type Sql = postgres.ISql<Types>;

/** The connection pool. */
export type Database = postgres.Sql<Types>;

/** Where a database is: a URL, or the embedded server's own address. */
export interface DatabaseAddress {
  readonly url?: string;
  /** A host that begins with a slash is the directory of a Unix socket. */
  readonly host?: string;
  readonly port?: number;
  readonly user?: string;
  readonly password?: string;
  readonly database?: string;
}

export interface DatabaseOptions extends DatabaseAddress {
  readonly maxConnections: number;
  /** Whether no statement has arrays: then no connection asks for their types. */
  readonly hasNoArrays?: boolean;
  /** Called when a connection of the pool has closed. */
  readonly onClose?: () => void;
}

const migrationsDirectory = new URL("../../migrations/", import.meta.url);

/** Opens a pool that survives its connections; none is made before the first statement. */
export function openDatabase({
  url,
  maxConnections,
  hasNoArrays = false,
  onClose,
  ...address
}: DatabaseOptions): Database {
  const options: postgres.Options<{ bigint: postgres.PostgresType<number> }> = {
    ...address,
    max: maxConnections,
    connect_timeout: 5,
    backoff: (retries: number) => Math.min(2, 0.05 * 2 ** retries),
    onnotice: () => {},
    fetch_types: !hasNoArrays,
    ...(onClose ? { onclose: onClose } : {}),
    transform: { undefined: null, column: { from: postgres.toCamel } },
    types: { bigint: { to: 20, from: [20], parse: Number, serialize: String } },
    connection: {
      application_name: "kyanite",
      // The hot statements have one good plan whatever their parameters; planning them anew each time costs more
      // than running them, and a plan made on an empty table must not be kept by chance.
      plan_cache_mode: "force_generic_plan",
      // Tables are small when their first plans are made, and may be very large soon after.
      enable_seqscan: "off",
      // Tasks leave some indexes soon. Of the scans, this one neither skips the entries that they leave nor marks them.
      enable_bitmapscan: "off",
      jit: "off",
    },
  };
  const open = (more: object) => {
    const all = { ...options, ...more };
    return url === undefined ? postgres(all) : postgres(url, all);
  };
  return lastingPool({
    // Lines are encrypted already.
    open: (openLine) => open({ socket: openLine, ssl: false }),
    encryption: open({}).options.ssl,
    onLost: onClose ?? (() => {}),
  });
}

/**
 * From here on new connections do not ask for the types of arrays: all of a pool know what its first one was told. The
 * driver asks on each, and where the database goes away in that moment nobody takes the failure, which ends the process.
 * To be called when a statement has been answered.
 */
export function keepArrayTypes(database: Database): void {
  database.options.fetch_types = false;
}

/** SQLSTATEs of a transaction that lost against another and will succeed when it is run again. */
const retryable = new Set(["40001", "40P01"]);

/** Runs `work` in one transaction, again when it was the victim of a deadlock. */
export async function transaction<T>(database: Database, work: (sql: Sql) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      const box: { result?: { value: T } } = {};
      await database.begin(async (sql) => {
        box.result = { value: await work(sql) };
      });
      if (box.result) return box.result.value;
    } catch (cause) {
      if (attempt === 5 || !retryable.has(sqlState(cause) ?? "")) throw cause;
    }
  }
}

/** Runs a part of a transaction that may fail without it: when `work` rejects, what it wrote is taken back. */
export async function undoneOnFailure<T>(sql: Sql, work: () => Promise<T>): Promise<T> {
  await sql`savepoint part`;
  try {
    const result = await work();
    await sql`release savepoint part`;
    return result;
  } catch (cause) {
    await sql`rollback to savepoint part`;
    throw cause;
  }
}

/** Whether an error is one of the database's, with one of these SQLSTATEs. */
export function hasSqlState(cause: unknown, ...states: readonly string[]): boolean {
  return states.includes(sqlState(cause) ?? "");
}

/** A database, table or column that there is not: a server that makes or migrates the database has not come so far. */
export const isUnfinished = (cause: unknown): boolean => hasSqlState(cause, "3D000", "42P01", "42703");

/** The SQLSTATE, or the driver's own code such as CONNECTION_CLOSED; undefined when it is no database error. */
export function sqlState(cause: unknown): string | undefined {
  if (!(cause instanceof Error) || !("code" in cause)) return undefined;
  return typeof cause.code === "string" ? cause.code : undefined;
}

/** The driver's own codes for a connection that is not there. */
const disconnections = new Set(["CONNECTION_CLOSED", "CONNECTION_ENDED", "CONNECTION_DESTROYED", "CONNECT_TIMEOUT"]);

/** SQLSTATEs of a server that is not to be had: lost connections, shutdown and start-up, no more room for connections. */
const unavailable = /^(08...|57P0.|53...)$/;

/** Whether the database could not be reached or is going away, so that trying again later makes sense. */
export function isDatabaseAway(cause: unknown): boolean {
  const code = sqlState(cause) ?? "";
  return unavailable.test(code) || disconnections.has(code) || isNetworkErrorOfStatement(cause);
}

/** Files and other connections fail with the same codes; only what fails in the driver carries the statement. */
function isNetworkErrorOfStatement(cause: unknown): boolean {
  return cause instanceof Error && "syscall" in cause && "query" in cause;
}

/**
 * Brings the schema up to date, forward only; any number of servers may start at once.
 * @throws when the database was written by a newer Kyanite.
 */
export async function migrate(database: Database, now: Date): Promise<void> {
  const known = await readMigrations();
  await database.begin(async (sql) => {
    await sql`select pg_advisory_xact_lock(${advisoryKey("migrate")})`;
    await sql`
      create table if not exists schema_migration (version integer primary key, applied_time timestamptz not null)`;
    const applied = new Set(
      (await sql<{ version: number }[]>`select version from schema_migration`).map(({ version }) => version),
    );
    const unknown = [...applied].find((version) => !known.has(version));
    if (unknown !== undefined)
      throw new Error(
        `The database has schema ${unknown}, which this Kyanite does not know. Start the newer Kyanite that wrote it, or choose another database.`,
      );
    for (const [version, file] of known) {
      if (applied.has(version)) continue;
      await sql.unsafe(await readFile(new URL(file, migrationsDirectory), "utf8"));
      await sql`insert into schema_migration values (${version}, ${now})`;
    }
  });
}

/** The files of the migrations by their versions, in order. */
async function readMigrations(): Promise<ReadonlyMap<number, string>> {
  const files = (await readdir(migrationsDirectory)).filter((name) => /^\d{4}-.*\.sql$/.test(name)).sort();
  const known = new Map(files.map((file) => [Number(file.slice(0, 4)), file]));
  if (known.size < files.length) throw new Error(`Two migrations have the same number: ${files.join(", ")}`);
  return known;
}

/** A stable 31-bit number for a name, as PostgreSQL's advisory locks need it. */
export function advisoryKey(name: string): number {
  let hash = 17;
  for (const character of `kyanite:${name}`)
    hash = (Math.imul(hash, 31) + (character.codePointAt(0) ?? 0)) & 0x7fffffff;
  return hash;
}

/**
 * Waits until the database answers, for at most `seconds`: it may be starting at the same time as we are.
 * @throws saying where it was looked for and what to check
 */
export async function waitForDatabase(
  database: Database,
  { seconds, clock, log }: { seconds: number; clock: Clock; log: Log },
): Promise<void> {
  const deadline = clock.elapsed() + seconds * 1000;
  for (let attempt = 1; ; attempt++) {
    try {
      await database`select 1`;
      return;
    } catch (cause) {
      if (!isDatabaseAway(cause) || clock.elapsed() > deadline) throw notReached(database, cause);
      if (attempt === 1) log.warn("waiting for the database", { cause, seconds });
      await clock.sleep(100);
    }
  }
}

function notReached({ options }: Database, cause: unknown): Error {
  const place = options.host.map((host, index) => `${host}:${options.port[index]}`).join(", ");
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new Error(
    `The database ${options.database} at ${place} cannot be used (${reason}). Check that it runs and what --database-url says.`,
    { cause },
  );
}

/** A value as text for a statement that says `::text::jsonb`; one parameter carries a whole set of rows. */
export function asJson(value: unknown): string {
  return JSON.stringify(value);
}

/**
 * Values as text for a statement that says `::text::bigint[]` or the like. The server reads columns like these several
 * times faster than rows of JSON; worth it where hundreds of rows are written many times a second.
 */
export function asArray(values: readonly (string | number | boolean | Date | null)[]): string {
  return `{${values.map(arrayElement).join(",")}}`;
}

function arrayElement(value: string | number | boolean | Date | null): string {
  if (value === null) return "NULL";
  if (typeof value === "string") return `"${value.replaceAll(/["\\]/g, "\\$&")}"`;
  return value instanceof Date ? value.toISOString() : String(value);
}
