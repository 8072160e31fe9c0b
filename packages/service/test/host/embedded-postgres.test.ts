import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog, systemClock } from "@kyanite/runtime";
import postgres from "postgres";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../src/host/embedded-postgres.ts";

const log = createLog("silent");
const clean: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const step of clean.splice(0).reverse()) await step();
});

async function temporaryDirectory(name = "data"): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), "kyanite-test-"));
  await chmod(parent, 0o711);
  clean.push(() => rm(parent, { recursive: true, force: true }));
  const directory = join(parent, name);
  await mkdir(directory, { mode: 0o711 });
  return directory;
}

async function start(dataDirectory: string): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDirectory, clock: systemClock, log });
  clean.push(() => server.stop());
  return server;
}

async function query<Row extends postgres.Row>(server: EmbeddedPostgres, statement: string): Promise<readonly Row[]> {
  const sql = postgres({ ...server.connection, max: 1, onnotice: () => {} });
  try {
    return await sql.unsafe<Row[]>(statement);
  } finally {
    await sql.end();
  }
}

const busy = "select pid from pg_stat_activity where query like 'do $$%' and state = 'active'";

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe("the embedded PostgreSQL", () => {
  test("keeps its data over a clean stop, commits durably, and keeps strangers out", async () => {
    const directory = await temporaryDirectory();
    const first = await start(directory);
    await query(first, "create table t (a int); insert into t values (42)");
    const [settings] = await query(
      first,
      "select current_setting('fsync') fsync, current_setting('synchronous_commit') commit, current_setting('jit') jit",
    );
    expect(settings).toEqual({ fsync: "on", commit: "on", jit: "off" });
    const stranger = { ...first, connection: { ...first.connection, password: "guess" } };
    await expect(query(stranger, "select 1")).rejects.toMatchObject({ code: "28P01" });
    expect((await stat(join(directory, "postgres-password"))).mode & 0o777).toBe(0o600);
    expect((await stat(join(directory, "postgres"))).mode & 0o777).toBe(0o700);
    await first.stop();
    await vi.waitUntil(() => !isAlive(first.process.pid), { timeout: 10_000 });

    const second = await start(directory);
    expect(second.isAdopted).toBe(false);
    expect(await query(second, "select a from t")).toEqual([{ a: 42 }]);
  });

  test("is adopted when it outlived the server that started it", async () => {
    const directory = await temporaryDirectory();
    const first = await start(directory);
    const second = await start(directory);
    expect(second).toMatchObject({ process: first.process, isAdopted: true, connection: first.connection });
    // Also when our own note of the process is lost.
    await rm(join(directory, "postgres-process.json"));
    const third = await start(directory);
    expect(third).toMatchObject({ process: first.process, isAdopted: true });
    await third.stop();
    await vi.waitUntil(() => !isAlive(first.process.pid), { timeout: 10_000 });
  });

  test("starts after its own SIGKILL although a stranger has the pid it had", async () => {
    const directory = await temporaryDirectory();
    const first = await start(directory);
    await query(first, "create table t as select 7 a");
    process.kill(first.process.pid, "SIGKILL");
    await vi.waitUntil(() => !isAlive(first.process.pid), { interval: 5 });
    const pidFile = join(directory, "postgres/data/postmaster.pid");
    const text = await readFile(pidFile, "utf8");
    await writeFile(pidFile, text.replace(/^\d+/, String(process.pid)));
    const second = await start(directory);
    expect(second.isAdopted).toBe(false);
    expect(await query(second, "select a from t")).toEqual([{ a: 7 }]);
  });

  test("starts anew when the one it found was ending", async () => {
    const directory = await temporaryDirectory();
    const first = await start(directory);
    process.kill(first.process.pid, "SIGINT");
    const second = await start(directory);
    expect(second.isAdopted).toBe(false);
    expect(await query(second, "select 1 as a")).toEqual([{ a: 1 }]);
  });

  test("waits for the last of a killed server before it starts another", async () => {
    const directory = await temporaryDirectory();
    const first = await start(directory);
    const sleeper = query(first, "do $$ begin for i in 1..100000000 loop end loop; end $$");
    sleeper.catch(() => {});
    await vi.waitUntil(async () => (await query(first, busy)).length > 0, { interval: 20 });
    process.kill(first.process.pid, "SIGKILL");
    const second = await start(directory);
    expect(second.process.pid).not.toBe(first.process.pid);
    expect(await query(second, busy)).toEqual([]);
  });

  test("listens on the loopback only when the path of a socket would be too long", async () => {
    const server = await start(await temporaryDirectory("d".repeat(90)));
    expect(server.connection.host).toBe("127.0.0.1");
    expect(await query(server, "select inet_server_addr()::text as address")).toEqual([{ address: "127.0.0.1/32" }]);
  });

  test("gives a URL that the programs of PostgreSQL understand", async (context) => {
    const server = await start(await temporaryDirectory());
    try {
      execFileSync("psql", ["--version"]);
    } catch {
      context.skip("psql is not installed");
    }
    expect(execFileSync("psql", [server.url, "-Atc", "select 1"], { encoding: "utf8" })).toBe("1\n");
  });

  test("refuses the files of another major version, and says what to do", async () => {
    const directory = await temporaryDirectory();
    await mkdir(join(directory, "postgres/data"), { recursive: true });
    await writeFile(join(directory, "postgres/data/PG_VERSION"), "15\n");
    await writeFile(join(directory, "postgres-password"), "secret\n");
    await expect(start(directory)).rejects.toThrow(/written by PostgreSQL 15, .*choose another --data-dir/);
  });

  test.runIf(process.getuid?.() === 0)("says which directory its user cannot enter", async () => {
    const directory = await temporaryDirectory();
    await chmod(join(directory, ".."), 0o700);
    await expect(start(directory)).rejects.toThrow(`chmod o+x ${join(directory, "..")}`);
  });

  test("says why it cannot start", async () => {
    const directory = await temporaryDirectory();
    const first = await start(directory);
    await first.stop();
    await writeFile(join(directory, "postgres/data/local.conf"), "no_such_setting = 1\n");
    await chmod(join(directory, "postgres/data/local.conf"), 0o644);
    await expect(start(directory)).rejects.toThrow(/no_such_setting.*: mend local.conf/);
  });
});
