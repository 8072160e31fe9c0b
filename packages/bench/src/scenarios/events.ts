import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { type BatchClient, sharedKey } from "@kyanite/client/node";
import { openDatabase } from "@kyanite/service";
import type { Bench, Section } from "../bench.ts";
import { type Account, leanClient } from "../client.ts";
import { type Figure, median, spread } from "../figures.ts";
import { addTasksBySql } from "../many-tasks.ts";
import { startRealServer } from "../real-server.ts";
import { type Simulation, startSimulation } from "../simulated/simulation.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { cpuSeconds, residentMegabytes } from "../usage.ts";
import { addJob, addPool, addWaitingJob, letGo, removeJob, together, until } from "../work.ts";

const counts = [1, 100, 5_000];
const changes = 100;

/** From when a change is written, just before its commit, until a subscriber has it; all on one clock. */
export async function events({ signal }: Bench): Promise<Section[]> {
  await using home = await temporaryDirectory();
  await using server = await startRealServer(home);
  using client = leanClient(server.account, { connections: 4, signal });
  const figures = [];
  for (const count of counts) {
    const delays = await measure(client, server.account, count);
    // So many are given each change one after the other; that takes its time.
    const target = count > 100 ? {} : { p50: { below: 50 } };
    figures.push(...spread(`change → ${count.toLocaleString("en-GB")} subscribers`, delays, target));
  }
  const memory = { name: "memory of the server", value: residentMegabytes(server.pid), unit: "MB" };
  return [{ title: "events", figures: [...figures, memory] }, await costOfFeed(signal)];
}

const rounds = 5;
const tasksPerRound = 20_000;
const followers = 10;
const modes = ["no feed", "feed", "followed feed"] as const;

/** What the feed costs the scheduling of tasks, in turns: CPU time, which other work on the machine changes little. */
async function costOfFeed(signal: AbortSignal): Promise<Section> {
  await using simulation = await startSimulation();
  using client = leanClient(simulation.account, { connections: 4, signal });
  await addPool(client, "pool", 100, 4);
  const samples = new Map<string, { readonly cpu: number; readonly rate: number }[]>(modes.map((mode) => [mode, []]));
  const used = () => cpuSeconds(simulation.serverPid) + cpuSeconds(simulation.databasePid, true);
  for (let round = 0; round < rounds; round++)
    for (const mode of modes) {
      const jobId = `${mode.replaceAll(" ", "-")}-${round}`;
      await addWaitingJob(client, jobId, "pool");
      await addTasksBySql(simulation.database, { jobId, count: tasksPerRound, signal });
      await writeFeed(simulation, mode !== "no feed");
      await using _ = await follow(simulation.account, mode === "followed feed" ? followers : 0);
      let before = 0;
      const onTime = () => {
        before = used();
      };
      const { time, completed } = await letGo(client, jobId, tasksPerRound, { onTime });
      samples.get(mode)?.push({ cpu: (1e6 * (used() - before)) / completed, rate: completed / time });
    }
  const middle = (mode: string, of: "cpu" | "rate") => median((samples.get(mode) ?? []).map((each) => each[of]));
  const ratio = (mode: string, below: number): Figure => ({
    name: `CPU, ${mode} / no feed`,
    value: middle(mode, "cpu") / middle("no feed", "cpu"),
    unit: "×",
    target: { below },
  });
  return {
    title: `what the feed costs: 100 simulated nodes, ${followers} followers of everything`,
    figures: [
      ...modes.flatMap((mode): Figure[] => [
        { name: `${mode}, CPU of server and database`, value: middle(mode, "cpu"), unit: "µs/task" },
        { name: `${mode}, placed, run and completed`, value: middle(mode, "rate"), unit: "tasks/s" },
      ]),
      ratio("feed", 1.03),
      ratio("followed feed", 1.1),
    ],
  };
}

/** No setting does this: what is not written cannot be followed later. */
async function writeFeed({ database: address }: Simulation, isWritten: boolean): Promise<void> {
  const database = openDatabase({ ...address, maxConnections: 1 });
  const triggers = await database<{ name: string; table: string }[]>`
    select tgname as name, tgrelid::regclass::text as table from pg_trigger where tgname like 'event%'`;
  for (const { name, table } of triggers)
    await database.unsafe(`alter table ${table} ${isWritten ? "enable" : "disable"} trigger ${name}`);
  await database.end();
}

/** Subscribers to all that happens, who only count what comes. */
async function follow(account: Account, count: number): Promise<AsyncDisposable> {
  const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY });
  const streams: IncomingMessage[] = [];
  await together(10, count, async () => {
    streams.push((await subscribe(account, agent, "")).on("data", () => {}));
  });
  return {
    async [Symbol.asyncDispose]() {
      for (const stream of streams) stream.destroy();
      agent.destroy();
    },
  };
}

async function measure(client: BatchClient, account: Account, count: number): Promise<number[]> {
  const jobId = `events${count}`;
  await addJob(client, jobId, "none");
  const delays: number[] = [];
  const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY });
  const streams: IncomingMessage[] = [];
  try {
    await together(50, count, async () => {
      const stream = await subscribe(account, agent, `&kind=task.created&jobId=${jobId}`);
      stream.on("data", (text: string) => {
        for (const [, time = ""] of text.matchAll(/"time":"([^"]+)"/g)) delays.push(Date.now() - Date.parse(time));
      });
      streams.push(stream);
    });
    for (let n = 0; n < changes; n++) {
      await client.call("Task_Add", { jobId, body: { id: `t${n}`, commandLine: "/bin/true" } });
      await until(async () => delays.length === (n + 1) * count);
      await sleep(10);
    }
  } finally {
    for (const stream of streams) stream.destroy();
    agent.destroy();
  }
  await removeJob(client, jobId);
  return delays;
}

async function subscribe(account: Account, agent: Agent, filter: string): Promise<IncomingMessage> {
  const target = `/kyanite/events?api-version=2024-07-01.20.0${filter}`;
  const headers: Record<string, string> = { accept: "text/event-stream", "ocp-date": new Date().toUTCString() };
  headers.authorization = await sharedKey(account.name, account.key)({ method: "GET", target, headers });
  const message = request(account.url + target, { agent, headers });
  message.end();
  const [response]: IncomingMessage[] = await once(message, "response");
  if (response?.statusCode !== 200) throw new Error(`no stream of events: ${response?.statusCode}`);
  return response.setEncoding("utf8");
}
