import { setTimeout as sleep } from "node:timers/promises";
import type { BatchClient, Pages } from "@kyanite/client/node";

const patienceSeconds = 300;

const image = {
  imageReference: { publisher: "canonical", offer: "0001-com-ubuntu-server-jammy", sku: "22_04-lts" },
  nodeAgentSKUId: "batch.node.ubuntu 22.04",
};

/** A pool whose nodes are all idle. */
export async function addPool(client: BatchClient, id: string, nodes: number, slots: number): Promise<void> {
  const body = {
    id,
    vmSize: "standard_d4s_v3",
    virtualMachineConfiguration: image,
    targetDedicatedNodes: nodes,
    taskSlotsPerNode: slots,
  };
  await client.call("Pool_Add", { body });
  await until(async () => (await nodeCounts(client, id)).idle === nodes);
}

export async function nodeCounts(client: BatchClient, poolId: string) {
  const counts = client.list("Account_ListPoolNodeCounts", { $filter: `poolId eq '${poolId}'` });
  for await (const { dedicated } of counts) if (dedicated) return dedicated;
  return { idle: 0, running: 0, total: 0 };
}

export async function addJob(client: BatchClient, id: string, poolId: string, more: object = {}): Promise<void> {
  await client.call("Job_Add", { body: { id, poolInfo: { poolId }, ...more } });
}

/** Adds `count` tasks, a hundred in a call, on as many connections as the client has. */
export async function addTasks(
  client: BatchClient,
  jobId: string,
  count: number,
  { commandLine = "/bin/true", connections = 4, more = {} } = {},
): Promise<void> {
  await together(connections, Math.ceil(count / 100), async (call) => {
    const size = Math.min(100, count - call * 100);
    const value = Array.from({ length: size }, (_, n) => ({ id: `t${call * 100 + n}`, commandLine, ...more }));
    await client.call("Task_AddCollection", { jobId, body: { value } });
  });
}

/** Does something `count` times, so many at a time, and gives the milliseconds that each time took. */
export async function together(
  atATime: number,
  count: number,
  work: (n: number) => Promise<unknown>,
): Promise<number[]> {
  const samples: number[] = [];
  let next = 0;
  const worker = async () => {
    while (next < count) samples.push(1000 * (await seconds(() => work(next++))));
  };
  await Promise.all(Array.from({ length: atATime }, worker));
  return samples;
}

async function taskCounts(client: BatchClient, jobId: string) {
  return (await client.call("Job_GetTaskCounts", { jobId })).body.taskCounts;
}

/** Deletes a job, and waits until it is gone. */
export async function removeJob(client: BatchClient, jobId: string): Promise<void> {
  await client.call("Job_Delete", { jobId });
  await until(() =>
    client.call("Job_Get", { jobId }).then(
      () => false,
      () => true,
    ),
  );
}

/**
 * Waits until so many tasks have completed, and gives how many then have; rejects when one failed. Asks again after half
 * of the time that the rest will take by its looks, or sooner, since the first few say little: so it is late by
 * milliseconds, and costs what is measured next to nothing.
 */
export async function whenCompleted(client: BatchClient, jobId: string, count: number): Promise<number> {
  const start = performance.now();
  for (;;) {
    const { completed, failed } = await taskCounts(client, jobId);
    if (failed > 0) throw new Error(`${failed} tasks of ${jobId} failed`);
    if (completed >= count) return completed;
    const elapsed = performance.now() - start;
    if (elapsed > 1000 * patienceSeconds) throw new Error(`${completed} tasks completed within ${patienceSeconds} s`);
    const left = completed === 0 ? elapsed / 10 : (elapsed * (count - completed)) / completed;
    await sleep(Math.max(5, Math.min(left / 2, elapsed / 4, 1000)));
  }
}

/**
 * Puts tasks into a job that is not being scheduled, then lets it go.
 * @returns seconds from the moment that it is let go until all have completed
 */
export async function drain(client: BatchClient, jobId: string, poolId: string, count: number, commandLine: string) {
  await addWaitingJob(client, jobId, poolId);
  await addTasks(client, jobId, count, { commandLine });
  return (await letGo(client, jobId, count)).time;
}

/** A job of which no task starts before it is let go. */
export async function addWaitingJob(client: BatchClient, id: string, poolId: string): Promise<void> {
  await addJob(client, id, poolId);
  await client.call("Job_Disable", { jobId: id, body: { disableTasks: "requeue" } });
  await until(async () => (await client.call("Job_Get", { jobId: id })).body.state === "disabled");
}

/**
 * Lets a job go until so many of its tasks, or some more, have completed; gives how many, and the seconds. With
 * `untimed`, time begins when that many have completed, which count no more.
 * @param onTime called when time begins
 */
export async function letGo(
  client: BatchClient,
  jobId: string,
  count: number,
  { untimed = 0, onTime = () => {} } = {},
) {
  const go = () => client.call("Job_Enable", { jobId });
  let first = 0;
  if (untimed > 0) {
    await go();
    first = await whenCompleted(client, jobId, untimed);
  }
  onTime();
  let completed = 0;
  const time = await seconds(async () => {
    if (untimed === 0) await go();
    completed = (await whenCompleted(client, jobId, first + count)) - first;
  });
  return { time, completed };
}

export async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** Asks ever more rarely: that costs what is measured little, and is late by a thirtieth at most. */
export async function until(isReached: () => Promise<boolean>, patience = patienceSeconds): Promise<void> {
  const start = performance.now();
  const elapsed = () => performance.now() - start;
  for (; elapsed() < patience * 1000; await sleep(Math.max(5, elapsed() / 30))) if (await isReached()) return;
  throw new Error(`not reached within ${patience} s`);
}

/** Fetches one page, however many there are. */
export async function firstPage<T>(list: Pages<T>): Promise<readonly T[]> {
  for await (const page of list.pages()) return page;
  return [];
}
