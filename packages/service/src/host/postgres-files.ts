import { execFile } from "node:child_process";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { readTextIfExists, writeFileAtomically } from "@kyanite/runtime";
import type { PostgresBinaries } from "./postgres-binaries.ts";
import { postgresProblem } from "./postgres-problem.ts";
import { giveTo, type SystemUser } from "./postgres-user.ts";

const run = promisify(execFile);

/** Where PostgreSQL's things are, below our data directory. */
export interface PostgresPlaces {
  /** Belongs to the user that PostgreSQL runs as, holds the socket, and nothing that we trust. */
  readonly home: string;
  readonly data: string;
  readonly logFile: string;
  readonly recordFile: string;
}

export function postgresPlaces(dataDirectory: string): PostgresPlaces {
  const home = join(dataDirectory, "postgres");
  return {
    home,
    data: join(home, "data"),
    logFile: join(dataDirectory, "postgres.log"),
    recordFile: join(dataDirectory, "postgres-process.json"),
  };
}

/** Nothing of ours: variables such as PGPORT would change what the server does. */
export const postgresEnvironment = { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" } as const;

export interface PostgresFilesOptions {
  readonly binaries: PostgresBinaries;
  readonly user: SystemUser | undefined;
  readonly superuser: string;
  readonly password: string;
  /** Text of postgresql.conf. */
  readonly settings: string;
}

/** Makes the database files at the first start, and the settings at every start. Nothing may be running on them. */
export async function makePostgresFiles(places: PostgresPlaces, options: PostgresFilesOptions): Promise<void> {
  const version = await readTextIfExists(join(places.data, "PG_VERSION"));
  if (version === undefined) await initialize(places, options);
  if (version !== undefined) requireVersion(Number(version), places.data, options.binaries);
  await disownPostmaster(join(places.data, "postmaster.pid"), options.user);
  await writeFor(options.user, join(places.data, "postgresql.conf"), options.settings);
}

/** Larger than any pid. */
const nobodysPid = 4_194_305;

/**
 * After a kill, PostgreSQL takes whatever process has the old server's pid for that server. Only the pid is replaced:
 * the rest of the file lets PostgreSQL find out whether something still works on the old server's memory.
 */
async function disownPostmaster(pidFile: string, user: SystemUser | undefined): Promise<void> {
  const text = await readTextIfExists(pidFile);
  if (text !== undefined) await writeFor(user, pidFile, text.replace(/^-?\d+/, String(nobodysPid)));
}

function requireVersion(found: number, data: string, { majorVersion }: PostgresBinaries): void {
  if (found === majorVersion) return;
  if (!found) throw new Error(`${join(data, "PG_VERSION")} is damaged: restore a backup of ${data}`);
  throw new Error(
    `${data} was written by PostgreSQL ${found}, but this Kyanite comes with PostgreSQL ${majorVersion}: ` +
      "start the Kyanite that wrote it, move its content with pg_dump, or choose another --data-dir",
  );
}

/** In a directory of its own, renamed when complete: an interrupted first start leaves nothing half done. */
async function initialize(places: PostgresPlaces, options: PostgresFilesOptions): Promise<void> {
  const { binaries, user, superuser, password } = options;
  const draft = `${places.data}.new`;
  const passwordFile = join(places.home, "initial-password");
  await rm(draft, { recursive: true, force: true });
  await writeFor(user, passwordFile, password);
  const locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"];
  const access = [`--username=${superuser}`, "--auth=scram-sha-256", `--pwfile=${passwordFile}`];
  try {
    await run(join(binaries.directory, "initdb"), [`--pgdata=${draft}`, ...locale, ...access, "--no-instructions"], {
      cwd: places.home,
      env: postgresEnvironment,
      ...(user && { uid: user.uid, gid: user.gid }),
    });
  } catch (cause) {
    throw new Error(`PostgreSQL cannot make its files in ${places.data}: ${postgresProblem(outputOf(cause))}`, {
      cause,
    });
  } finally {
    await rm(passwordFile, { force: true });
  }
  await writeFor(user, join(draft, "local.conf"), "# Settings in this file win over postgresql.conf.\n");
  await rename(draft, places.data);
}

function outputOf(cause: unknown): string {
  if (typeof cause !== "object" || cause === null || !("stderr" in cause)) return String(cause);
  return String(cause.stderr);
}

async function writeFor(user: SystemUser | undefined, path: string, text: string): Promise<void> {
  await writeFileAtomically(path, text);
  await giveTo(path, user);
}
