import { setTimeout as sleep } from "node:timers/promises";
import { type RawClient, rawClient } from "../client.ts";
import { type Figure, percentile } from "../figures.ts";
import { startRealServer } from "../real-server.ts";
import { addJob, addPool, addTasks, until, whenCompleted } from "../work.ts";

const scenario = "latency";

/** How long a task waits, from its own times: those of the service and of the node are of one clock here. */
export async function latency({ isLong }: { isLong: boolean }): Promise<Figure[]> {
  await using server = await startRealServer();
  const client = rawClient(server.account, 4);
  await addPool(client, "pool", 2, 4);
  const figures = [
    ...(await oneAtATime(client)),
    await chain(client, isLong ? 500 : 100),
    ...(await fan(client, 1_000)),
    ...(await underLoad(client)),
  ];
  client.close();
  return figures;
}

interface TaskTimes {
  readonly id: string;
  readonly creationTime: string;
  readonly state: string;
  readonly executionInfo: { readonly startTime: string; readonly endTime: string };
}

const milliseconds = (from: string, to: string) => Date.parse(to) - Date.parse(from);

function spread(name: string, samples: readonly number[]): Figure[] {
  return [0.5, 0.99].map((share) => ({
    scenario,
    name: `${name}, p${share * 100}`,
    value: percentile(samples, share),
    unit: "ms",
  }));
}

async function oneAtATime(client: RawClient, jobId = "single", count = 200): Promise<Figure[]> {
  await addJob(client, jobId, "pool");
  const { started, completed } = await addOneByOne(client, jobId, count);
  const load = jobId === "single" ? "on an idle pool" : "on a busy pool, first in the queue";
  return [...spread(`submit → running ${load}`, started), ...spread(`submit → completed ${load}`, completed)];
}

async function addOneByOne(client: RawClient, jobId: string, count: number) {
  const started: number[] = [];
  const completed: number[] = [];
  for (let n = 0; n < count; n++) {
    await client.call("POST", `/jobs/${jobId}/tasks`, { id: `s${n}`, commandLine: "/bin/true" });
    const { creationTime, executionInfo } = await completedTask(client, jobId, `s${n}`);
    started.push(milliseconds(creationTime, executionInfo.startTime));
    completed.push(milliseconds(creationTime, executionInfo.endTime));
  }
  return { started, completed };
}

async function completedTask(client: RawClient, jobId: string, taskId: string): Promise<TaskTimes> {
  for (;;) {
    const task = await client.call<TaskTimes>("GET", `/jobs/${jobId}/tasks/${taskId}`);
    if (task.state === "completed") return task;
    await sleep(2);
  }
}

/** Each task depends on the one before it. */
async function chain(client: RawClient, count: number): Promise<Figure> {
  await addJob(client, "chain", "pool", { usesTaskDependencies: true });
  const tasks = Array.from({ length: count }, (_, n) => ({
    id: `${n}`,
    commandLine: "/bin/true",
    ...(n > 0 ? { dependsOn: { taskIds: [`${n - 1}`] } } : {}),
  }));
  // The first comes last, so that all others wait for it.
  for (let end = count; end > 0; end -= 100)
    await client.call("POST", "/jobs/chain/addtaskcollection", { value: tasks.slice(Math.max(0, end - 100), end) });
  await whenCompleted(client, "chain", count);
  const first = await completedTask(client, "chain", "0");
  const last = await completedTask(client, "chain", `${count - 1}`);
  const value = milliseconds(first.executionInfo.endTime, last.executionInfo.endTime) / (count - 1);
  return { scenario, name: `one task of a chain of ${count} after its parent`, value, unit: "ms" };
}

/** One task, many that depend on it, and one that depends on all of those. */
async function fan(client: RawClient, width: number): Promise<Figure[]> {
  await addJob(client, "fan", "pool", { usesTaskDependencies: true });
  const last = { id: "last", commandLine: "/bin/true", dependsOn: { taskIdRanges: [{ start: 1, end: width }] } };
  await client.call("POST", "/jobs/fan/tasks", last);
  const branches = Array.from({ length: width }, (_, n) => ({
    id: `${n + 1}`,
    commandLine: "/bin/true",
    dependsOn: { taskIds: ["first"] },
  }));
  for (let start = 0; start < width; start += 100)
    await client.call("POST", "/jobs/fan/addtaskcollection", { value: branches.slice(start, start + 100) });
  await client.call("POST", "/jobs/fan/tasks", { id: "first", commandLine: "/bin/true" });
  await whenCompleted(client, "fan", width + 2);
  const opening = await completedTask(client, "fan", "first");
  const closing = await completedTask(client, "fan", "last");
  const total = milliseconds(opening.executionInfo.endTime, closing.executionInfo.startTime);
  return [{ scenario, name: `1 → ${width} → 1, between the two ends`, value: total, unit: "ms" }];
}

/** While thousands wait, tasks of a job of higher priority. */
async function underLoad(client: RawClient): Promise<Figure[]> {
  await addJob(client, "load", "pool");
  await addTasks(client, "load", 5_000);
  await addJob(client, "urgent", "pool", { priority: 100 });
  const { started } = await addOneByOne(client, "urgent", 50);
  await client.call("DELETE", "/jobs/load");
  await until(async () =>
    client.call("GET", "/jobs/load").then(
      () => false,
      () => true,
    ),
  );
  return spread("submit → running, urgent beside 5,000 waiting", started);
}
