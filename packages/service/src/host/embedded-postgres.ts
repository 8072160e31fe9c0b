import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { join } from "node:path";
import {
  type BackgroundProcess,
  type Clock,
  isRunning,
  keepLogFileBounded,
  type Log,
  type ProcessRecord,
  processCommandLine,
  processRecord,
  type Restartable,
  readRunningProcess,
  readTextIfExists,
  signalProcess,
  startBackgroundProcess,
  waitUntil,
} from "@kyanite/runtime";
import postgres from "postgres";
import { keepSecret } from "./data-directory.ts";
import { findPostgresBinaries } from "./postgres-binaries.ts";
import { makePostgresFiles, type PostgresPlaces, postgresEnvironment, postgresPlaces } from "./postgres-files.ts";
import { postgresProblem } from "./postgres-problem.ts";
import {
  chooseAddress,
  type PostgresAddress,
  type Postmaster,
  parsePostmaster,
  postgresSettings,
} from "./postgres-settings.ts";
import { choosePostgresUser, makePrivateDirectory, requireReachable } from "./postgres-user.ts";

const database = "kyanite";
const databaseOwner = "kyanite";
const statistics = "pg_stat_statements";
const startMilliseconds = 60_000;
const fastStopMilliseconds = 60_000;
const immediateStopMilliseconds = 30_000;

/** The PostgreSQL server that a Kyanite server owns. Started again, it has the same address. */
export interface EmbeddedPostgres extends Restartable {
  /** What the client library needs; a host that begins with a slash is the directory of a Unix socket. */
  readonly connection: {
    readonly host: string;
    readonly port: number;
    readonly database: string;
    readonly user: string;
    readonly password: string;
  };
  /** The same as a URL that psql and other programs of PostgreSQL understand. */
  readonly url: string;
  /** Whether an earlier server of ours had left it running. */
  readonly isAdopted: boolean;
  /** Ends every connection and waits until all is on disk. */
  stop(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** Kyanite's data directory, which is ours alone; everything of PostgreSQL goes below it. */
  readonly dataDirectory: string;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Starts the bundled PostgreSQL, making its files the first time. One that outlived an earlier server of ours is
 * adopted instead. Throws, saying what to do, when the files belong to another major version or cannot be reached.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const places = postgresPlaces(options.dataDirectory);
  const password = await keepPassword(places, passwordFile(options.dataDirectory));
  const adopted = await adoptServer(places, password, options);
  const server = adopted ?? (await startServer(places, password, options).catch(explainRefusal(options)));
  const isAdopted = adopted !== undefined;
  let { record } = server;
  options.log.info("database ready", { pid: record.pid, isAdopted });
  const { connection } = server;
  const stopping = new AbortController();
  const keeping = keepLogFileBounded(places.logFile, options.clock, stopping.signal);
  return {
    get process() {
      return record;
    },
    connection,
    url: connectionUrl(connection),
    isAdopted,
    restart: async () => {
      record = (await startServer(places, password, options, connection)).record;
    },
    stop: async () => {
      stopping.abort();
      await Promise.all([keeping, stopServer(record, options)]);
    },
  };
}

/** A server that answers and does not know our password cannot be helped by trying again. */
function explainRefusal({ dataDirectory }: EmbeddedPostgresOptions): (cause: unknown) => never {
  return (cause) => {
    if (!(cause instanceof postgres.PostgresError) || cause.code !== "28P01") throw cause;
    const file = passwordFile(dataDirectory);
    throw new Error(`${file} does not hold the password of the database: ${passwordRemedy}`, { cause });
  };
}

/** How to reach the bundled PostgreSQL of a server that runs in this data directory; undefined when none does. */
export async function readRunningPostgres(dataDirectory: string): Promise<EmbeddedPostgres["connection"] | undefined> {
  const places = postgresPlaces(dataDirectory);
  const password = (await readTextIfExists(passwordFile(dataDirectory)))?.trim();
  const postmaster = (await findRunning(places)) && (await readPostmaster(places));
  if (password === undefined || !postmaster?.isReady) return undefined;
  return { ...postmaster.address, database, user: databaseOwner, password };
}

const passwordFile = (dataDirectory: string) => join(dataDirectory, "postgres-password");

const passwordRemedy = "restore it from a backup, or set another password as docs/operations.md says";

/** A password is made together with the database's files: for those that are there no other is good. */
async function keepPassword({ data }: PostgresPlaces, file: string): Promise<string> {
  const make = () => randomBytes(24).toString("base64url");
  const hasDatabase = (await readTextIfExists(join(data, "PG_VERSION"))) !== undefined;
  if (hasDatabase && (await readTextIfExists(file)) === undefined)
    throw new Error(`${file} is missing, and ${data} asks for it: ${passwordRemedy}`);
  return keepSecret({ file, make, pattern: /^\S+$/, remedy: passwordRemedy });
}

interface RunningServer {
  readonly record: ProcessRecord;
  readonly connection: EmbeddedPostgres["connection"];
}

/** The server that runs already; undefined when there is none, or when it was ending. */
async function adoptServer(
  places: PostgresPlaces,
  password: string,
  options: EmbeddedPostgresOptions,
): Promise<RunningServer | undefined> {
  const record = await findRunning(places);
  if (record === undefined) return undefined;
  try {
    return await becomeReady(places, password, record, options);
  } catch (error) {
    // One that was just killed looks alive, but does not answer.
    const { clock } = options;
    if (await waitUntil(() => !isRunning(record), { clock, timeoutMilliseconds: 5_000 })) return undefined;
    throw error;
  }
}

function connectionUrl({ host, port, user, password, database }: EmbeddedPostgres["connection"]): string {
  const credential = `${user}:${encodeURIComponent(password)}`;
  return host.startsWith("/")
    ? `postgresql://${credential}@/${database}?host=${encodeURIComponent(host)}&port=${port}`
    : `postgresql://${credential}@${host}:${port}/${database}`;
}

const readPostmaster = async ({ data }: PostgresPlaces): Promise<Postmaster | undefined> =>
  parsePostmaster(await readTextIfExists(join(data, "postmaster.pid")));

/** The server that works on these files. A pid in a file may be a stranger's by now, so more than it must agree. */
async function findRunning(places: PostgresPlaces): Promise<ProcessRecord | undefined> {
  const started = await readRunningProcess(places.recordFile);
  if (started !== undefined) return started;
  const postmaster = await readPostmaster(places);
  if (postmaster === undefined) return undefined;
  const isOurs = processCommandLine(postmaster.pid)?.endsWith(`postgres -D ${places.data}`);
  return isOurs ? processRecord(postmaster.pid) : undefined;
}

/** What is left of a killed server keeps its memory until it notices; PostgreSQL rightly refuses to start before. */
const stillInUse = /shared memory block .* is still in use/;

async function startServer(
  places: PostgresPlaces,
  password: string,
  options: EmbeddedPostgresOptions,
  address?: PostgresAddress,
): Promise<RunningServer> {
  const launch = await prepareServer(places, password, address);
  const isStarted: { server?: RunningServer | undefined } = {};
  const tryToStart = async () => {
    const record = await startBackgroundProcess(launch);
    isStarted.server = await becomeReady(places, password, record, options).catch(async (cause: unknown) => {
      await stopServer(record, options);
      throw cause;
    });
    return isStarted.server !== undefined || !stillInUse.test(await lastLines(places.logFile));
  };
  await waitUntil(tryToStart, { clock: options.clock, timeoutMilliseconds: startMilliseconds });
  if (isStarted.server !== undefined) return isStarted.server;
  throw new Error(
    `PostgreSQL does not start (see ${places.logFile}): ${postgresProblem(await lastLines(places.logFile))}`,
  );
}

/** @param given where it must listen, because others know it there */
async function prepareServer(
  places: PostgresPlaces,
  password: string,
  given?: PostgresAddress,
): Promise<BackgroundProcess> {
  const user = await choosePostgresUser(places.home);
  await makePrivateDirectory(places.home, user);
  await requireReachable(places.home, user);
  const binaries = await findPostgresBinaries(places.home, user);
  const address = given ?? chooseAddress(places.home, await findFreePort());
  const preloadedModules = (await binaries.hasModule(statistics)) ? [statistics] : [];
  const settings = postgresSettings({ address, preloadedModules });
  await makePostgresFiles(places, { binaries, user, password, settings, superuser: databaseOwner });
  return {
    command: join(binaries.directory, "postgres"),
    args: ["-D", places.data],
    env: postgresEnvironment,
    directory: places.home,
    logFile: places.logFile,
    recordFile: places.recordFile,
    ...(user && { user: { uid: user.uid, gid: user.gid } }),
  };
}

function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

/** Waits until the server answers, however long it has to recover; undefined when it ended instead. */
async function becomeReady(
  places: PostgresPlaces,
  password: string,
  record: ProcessRecord,
  { clock }: EmbeddedPostgresOptions,
): Promise<RunningServer | undefined> {
  for (;;) {
    if (!isRunning(record)) return undefined;
    const postmaster = await readPostmaster(places);
    if (postmaster?.pid === record.pid && postmaster.isReady) {
      const connection = { ...postmaster.address, database, user: databaseOwner, password };
      await makeDatabase(connection);
      return { record, connection };
    }
    await clock.sleep(20);
  }
}

async function lastLines(file: string): Promise<string> {
  return ((await readTextIfExists(file)) ?? "").trimEnd().split("\n").slice(-10).join("\n");
}

async function makeDatabase(connection: EmbeddedPostgres["connection"]): Promise<void> {
  const quiet = { max: 1, fetch_types: false, onnotice: () => {}, connection: { application_name: "kyanite start" } };
  await using maintenance = closing(postgres({ ...connection, ...quiet, database: "postgres" }));
  const found = await maintenance.sql`select 1 from pg_database where datname = ${database}`;
  if (found.length === 0) await maintenance.sql`create database ${maintenance.sql(database)}`;
}

function closing(sql: postgres.Sql) {
  return { sql, [Symbol.asyncDispose]: () => sql.end({ timeout: 5 }) };
}

/** Fast shutdown, which rolls back what is open; should that take too long, the next start recovers from the log. */
async function stopServer(record: ProcessRecord, { clock, log }: EmbeddedPostgresOptions): Promise<void> {
  const isGone = () => !isRunning(record);
  signalProcess(record, "SIGINT");
  if (await waitUntil(isGone, { clock, timeoutMilliseconds: fastStopMilliseconds })) return;
  log.warn("database is slow to stop, ending it at once", { pid: record.pid });
  signalProcess(record, "SIGQUIT");
  if (await waitUntil(isGone, { clock, timeoutMilliseconds: immediateStopMilliseconds })) return;
  throw new Error(`PostgreSQL (process ${record.pid}) does not stop`);
}
