import { setTimeout as sleep } from "node:timers/promises";
import type { BatchClient } from "@kyanite/client/node";
import type { CloudTask } from "@kyanite/contract";
import type { Bench, Section } from "../bench.ts";
import { leanClient } from "../client.ts";
import { type Figure, medianOf, spread } from "../figures.ts";
import { startRealServer } from "../real-server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { addJob, addPool, addTasks, removeJob, whenCompleted } from "../work.ts";

/** How long a task waits, from its own times: those of the service and of the node are of one clock here. */
export async function latency({ signal }: Bench): Promise<Section[]> {
  await using home = await temporaryDirectory();
  await using server = await startRealServer(home);
  using client = leanClient(server.account, { connections: 4, signal });
  await addPool(client, "pool", 2, 4);
  const figures = [
    ...(await onAnIdlePool(client)),
    ...(await chain(client, 500)),
    { name: "1 → 1,000 → 1, between the two ends", value: await medianOf(3, (run) => fan(client, run)), unit: "ms" },
    ...(await underLoad(client)),
  ];
  return [{ title: "latency", figures }];
}

/** When a task was added, started and ended, in milliseconds. */
function timesOf({ id = "", creationTime, executionInfo }: CloudTask) {
  return {
    id,
    added: parse(creationTime),
    started: parse(executionInfo?.startTime),
    ended: parse(executionInfo?.endTime),
  };
}

const parse = (time = "") => Date.parse(time);

async function onAnIdlePool(client: BatchClient): Promise<Figure[]> {
  await addJob(client, "single", "pool");
  const { started, completed } = await addOneByOne(client, "single", 200);
  return [
    ...spread("submit → running on an idle pool", started, { p50: { below: 25 }, p99: { below: 100 } }),
    ...spread("submit → completed on an idle pool", completed),
  ];
}

async function addOneByOne(client: BatchClient, jobId: string, count: number) {
  const started: number[] = [];
  const completed: number[] = [];
  for (let n = 0; n < count; n++) {
    await client.call("Task_Add", { jobId, body: { id: `s${n}`, commandLine: "/bin/true" } });
    const times = await completedTask(client, jobId, `s${n}`);
    started.push(times.started - times.added);
    completed.push(times.ended - times.added);
  }
  return { started, completed };
}

async function completedTask(client: BatchClient, jobId: string, taskId: string) {
  for (;;) {
    const { body } = await client.call("Task_Get", { jobId, taskId });
    if (body.state === "completed") return timesOf(body);
    await sleep(2);
  }
}

/** Each task depends on the one before it. */
async function chain(client: BatchClient, count: number): Promise<Figure[]> {
  await addJob(client, "chain", "pool", { usesTaskDependencies: true });
  const tasks = Array.from({ length: count }, (_, n) => ({
    id: `${n}`,
    commandLine: "/bin/true",
    ...(n > 0 ? { dependsOn: { taskIds: [`${n - 1}`] } } : {}),
  }));
  // The first comes last, so that all others wait for it.
  for (let end = count; end > 0; end -= 100)
    await client.call("Task_AddCollection", {
      jobId: "chain",
      body: { value: tasks.slice(Math.max(0, end - 100), end) },
    });
  await whenCompleted(client, "chain", count);
  const links: ReturnType<typeof timesOf>[] = [];
  for await (const task of client.list("Task_List", { jobId: "chain" })) links.push(timesOf(task));
  links.sort((one, other) => Number(one.id) - Number(other.id));
  const waits = links.slice(1).map(({ started }, n) => started - (links[n]?.ended ?? Number.NaN));
  return spread(`a task of a chain of ${count} starts after its parent`, waits, { p50: { below: 50 } });
}

/** One task, many that depend on it, and one that depends on all of those; gives the time between the two ends. */
async function fan(client: BatchClient, run: number): Promise<number> {
  const width = 1_000;
  const jobId = `fan${run}`;
  await addJob(client, jobId, "pool", { usesTaskDependencies: true });
  const last = { id: "last", commandLine: "/bin/true", dependsOn: { taskIdRanges: [{ start: 1, end: width }] } };
  await client.call("Task_Add", { jobId, body: last });
  const branches = Array.from({ length: width }, (_, n) => ({
    id: `${n + 1}`,
    commandLine: "/bin/true",
    dependsOn: { taskIds: ["first"] },
  }));
  for (let start = 0; start < width; start += 100)
    await client.call("Task_AddCollection", { jobId, body: { value: branches.slice(start, start + 100) } });
  await client.call("Task_Add", { jobId, body: { id: "first", commandLine: "/bin/true" } });
  await whenCompleted(client, jobId, width + 2);
  const opening = await completedTask(client, jobId, "first");
  const closing = await completedTask(client, jobId, "last");
  return closing.started - opening.ended;
}

/** While thousands wait, tasks of a job of higher priority. */
async function underLoad(client: BatchClient): Promise<Figure[]> {
  await addJob(client, "load", "pool");
  await addTasks(client, "load", 5_000);
  await addJob(client, "urgent", "pool", { priority: 100 });
  const { started, completed } = await addOneByOne(client, "urgent", 50);
  await removeJob(client, "load");
  return [
    ...spread("submit → running, urgent beside 5,000 waiting", started, { p50: { below: 25 } }),
    ...spread("submit → completed, urgent beside 5,000 waiting", completed),
  ];
}
