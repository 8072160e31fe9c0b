import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { promisify } from "node:util";
import type { BatchClient } from "@kyanite/client/node";
import { openDatabase } from "@kyanite/service";
import type { Bench, Section } from "../bench.ts";
import { leanClient } from "../client.ts";
import type { Figure } from "../figures.ts";
import { type RealServer, startRealServer } from "../real-server.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../temporary-directory.ts";
import { parentOf, proportionalMegabytes, residentMegabytes } from "../usage.ts";
import { addJob, addPool, addTasks, removeJob, seconds, whenCompleted } from "../work.ts";

const tasksPerJob = 1_000;
const jobsAtOnce = 2;
const firstLook = 10_000;

/** What grows with the tasks that were run, though their jobs are deleted as they end: nothing should. */
export async function soak({ tasks, signal }: Bench): Promise<Section[]> {
  await using home = await temporaryDirectory();
  await using server = await startRealServer(home);
  using client = leanClient(server.account, { connections: 4, signal });
  await addPool(client, "pool", 2, 4);
  let job = 0;
  const runUntil = async (count: number) => {
    const worker = async () => {
      while (job * tasksPerJob < count) await runJob(client, `soak-${job++}`);
    };
    await Promise.all(Array.from({ length: jobsAtOnce }, worker));
  };
  const sections: Section[] = [];
  let before = 0;
  for (const count of [Math.min(firstLook, tasks), tasks]) {
    const time = await seconds(() => runUntil(count));
    const rate: Figure = { name: "rate", value: (count - before) / time, unit: "tasks/s" };
    const figures = await look(server, home);
    sections.push({
      title: `soak: after ${count.toLocaleString("en-GB")} tasks`,
      figures: count === before ? figures : [rate, ...figures],
    });
    before = count;
  }
  return sections;
}

async function runJob(client: BatchClient, id: string): Promise<void> {
  await addJob(client, id, "pool");
  await addTasks(client, id, tasksPerJob, { connections: 1 });
  await whenCompleted(client, id, tasksPerJob);
  await removeJob(client, id);
}

async function look(server: RealServer, home: TemporaryDirectory): Promise<Figure[]> {
  const agentPid = await server.agentPid();
  const nodeBytes = await Promise.all((await server.nodeDirectories()).map(diskMegabytes));
  const postgresPid = await databasePid(server);
  return [
    { name: "memory of the server", value: residentMegabytes(server.pid), unit: "MB" },
    { name: "memory of the database", value: proportionalMegabytes(postgresPid), unit: "MB" },
    { name: "memory of the agent", value: residentMegabytes(agentPid), unit: "MB" },
    { name: "descriptors of the server", value: await descriptors(server.pid), unit: "files" },
    { name: "descriptors of the agent", value: await descriptors(agentPid), unit: "files" },
    { name: "directory of the larger node", value: Math.max(...nodeBytes), unit: "MB" },
    { name: "data directory, without the database's journal", value: await diskMegabytes(home.path), unit: "MB" },
    { name: "database", value: await databaseMegabytes(server), unit: "MB" },
  ];
}

const descriptors = async (pid: number) => (await readdir(`/proc/${pid}/fd`)).length;

/** Files may go while they are counted. PostgreSQL keeps up to two gigabytes of journal, however little there is in it. */
async function diskMegabytes(directory: string): Promise<number> {
  const { stdout } = await promisify(execFile)("sh", [
    "-c",
    'du -sk --exclude=pg_wal "$0" 2>/dev/null || true',
    directory,
  ]);
  return Number.parseInt(stdout, 10) / 1024;
}

async function databaseMegabytes({ database }: RealServer): Promise<number> {
  return asking(database, async (sql) => {
    const [row] = await sql<{ bytes: number }[]>`select pg_database_size(current_database())::float8 as bytes`;
    return (row?.bytes ?? Number.NaN) / 1024 / 1024;
  });
}

/** The process that started the one which answers us. */
async function databasePid({ database }: RealServer): Promise<number> {
  return asking(database, async (sql) => {
    const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
    return parentOf(row?.pid ?? 0);
  });
}

async function asking<T>(
  address: RealServer["database"],
  ask: (sql: ReturnType<typeof openDatabase>) => Promise<T>,
): Promise<T> {
  const sql = openDatabase({ ...address, maxConnections: 1 });
  try {
    return await ask(sql);
  } finally {
    await sql.end();
  }
}
