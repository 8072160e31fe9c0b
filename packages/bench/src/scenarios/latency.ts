import { setTimeout as sleep } from "node:timers/promises";
import type { Bench, Section } from "../bench.ts";
import { type RawClient, rawClient } from "../client.ts";
import { type Figure, medianOf, spread } from "../figures.ts";
import { startRealServer } from "../real-server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { addJob, addPool, addTasks, until, whenCompleted } from "../work.ts";

/** How long a task waits, from its own times: those of the service and of the node are of one clock here. */
export async function latency({ signal }: Bench): Promise<Section[]> {
  await using home = await temporaryDirectory();
  await using server = await startRealServer(home);
  using client = rawClient(server.account, { connections: 4, signal });
  await addPool(client, "pool", 2, 4);
  const figures = [
    ...(await onAnIdlePool(client)),
    ...(await chain(client, 500)),
    { name: "1 → 1,000 → 1, between the two ends", value: await medianOf(3, (run) => fan(client, run)), unit: "ms" },
    ...(await underLoad(client)),
  ];
  return [{ title: "latency", figures }];
}

interface TaskTimes {
  readonly id: string;
  readonly creationTime: string;
  readonly state: string;
  readonly executionInfo: { readonly startTime: string; readonly endTime: string };
}

const milliseconds = (from: string, to: string) => Date.parse(to) - Date.parse(from);

async function onAnIdlePool(client: RawClient): Promise<Figure[]> {
  await addJob(client, "single", "pool");
  const { started, completed } = await addOneByOne(client, "single", 200);
  return [
    ...spread("submit → running on an idle pool", started, { p50: { below: 25 }, p99: { below: 100 } }),
    ...spread("submit → completed on an idle pool", completed),
  ];
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
async function chain(client: RawClient, count: number): Promise<Figure[]> {
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
  const { value } = await client.call<{ value: TaskTimes[] }>("GET", "/jobs/chain/tasks");
  const links = value.toSorted((one, other) => Number(one.id) - Number(other.id));
  const waits = links.slice(1).map(({ executionInfo }, n) => {
    const parentEnd = links[n]?.executionInfo.endTime ?? "";
    return milliseconds(parentEnd, executionInfo.startTime);
  });
  return spread(`a task of a chain of ${count} starts after its parent`, waits, { p50: { below: 50 } });
}

/** One task, many that depend on it, and one that depends on all of those; gives the time between the two ends. */
async function fan(client: RawClient, run: number): Promise<number> {
  const width = 1_000;
  const jobId = `fan${run}`;
  await addJob(client, jobId, "pool", { usesTaskDependencies: true });
  const last = { id: "last", commandLine: "/bin/true", dependsOn: { taskIdRanges: [{ start: 1, end: width }] } };
  await client.call("POST", `/jobs/${jobId}/tasks`, last);
  const branches = Array.from({ length: width }, (_, n) => ({
    id: `${n + 1}`,
    commandLine: "/bin/true",
    dependsOn: { taskIds: ["first"] },
  }));
  for (let start = 0; start < width; start += 100)
    await client.call("POST", `/jobs/${jobId}/addtaskcollection`, { value: branches.slice(start, start + 100) });
  await client.call("POST", `/jobs/${jobId}/tasks`, { id: "first", commandLine: "/bin/true" });
  await whenCompleted(client, jobId, width + 2);
  const opening = await completedTask(client, jobId, "first");
  const closing = await completedTask(client, jobId, "last");
  return milliseconds(opening.executionInfo.endTime, closing.executionInfo.startTime);
}

/** While thousands wait, tasks of a job of higher priority. */
async function underLoad(client: RawClient): Promise<Figure[]> {
  await addJob(client, "load", "pool");
  await addTasks(client, "load", 5_000);
  await addJob(client, "urgent", "pool", { priority: 100 });
  const { started, completed } = await addOneByOne(client, "urgent", 50);
  await client.call("DELETE", "/jobs/load");
  await until(async () =>
    client.call("GET", "/jobs/load").then(
      () => false,
      () => true,
    ),
  );
  return [
    ...spread("submit → running, urgent beside 5,000 waiting", started),
    ...spread("submit → completed, urgent beside 5,000 waiting", completed),
  ];
}
