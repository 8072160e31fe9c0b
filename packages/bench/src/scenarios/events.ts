import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { type BatchClient, sharedKey } from "@kyanite/client/node";
import type { Bench, Section } from "../bench.ts";
import { type Account, leanClient } from "../client.ts";
import { spread } from "../figures.ts";
import { startRealServer } from "../real-server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { residentMegabytes } from "../usage.ts";
import { addJob, removeJob, together, until } from "../work.ts";

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
  return [{ title: "events", figures: [...figures, memory] }];
}

async function measure(client: BatchClient, account: Account, count: number): Promise<number[]> {
  const jobId = `events${count}`;
  await addJob(client, jobId, "none");
  const delays: number[] = [];
  const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY });
  const streams: IncomingMessage[] = [];
  try {
    await together(50, count, async () => {
      const stream = await subscribe(account, agent, jobId);
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

async function subscribe(account: Account, agent: Agent, jobId: string): Promise<IncomingMessage> {
  const target = `/kyanite/events?api-version=2024-07-01.20.0&kind=task.created&jobId=${jobId}`;
  const headers: Record<string, string> = { accept: "text/event-stream", "ocp-date": new Date().toUTCString() };
  headers.authorization = await sharedKey(account.name, account.key)({ method: "GET", target, headers });
  const message = request(account.url + target, { agent, headers });
  message.end();
  const [response]: IncomingMessage[] = await once(message, "response");
  if (response?.statusCode !== 200) throw new Error(`no stream of events: ${response?.statusCode}`);
  return response.setEncoding("utf8");
}
