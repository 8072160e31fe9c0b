import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { BatchServiceClient, TaskAddParameter } from "@azure/batch";
import { hasErrorCode, processesWithVariable } from "@kyanite/runtime";
import {
  agentOfNode,
  aPool,
  batchClient,
  freePorts,
  type ServerProcess,
  startServerProcess,
  until,
} from "@kyanite/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

/** A place where runs stop until it is opened. */
interface Gate {
  readonly waiting: () => Promise<number>;
  readonly open: () => Promise<void>;
}

const taskCount = 3;
const phases = ["preparation", "download", "command", "upload"] as const;
type Phase = (typeof phases)[number];

let directory: string;
/** What tests and tasks share: of the machine's directories nodes see only what is mounted. */
let share: string;
let flags: string[];
let server: ServerProcess;
let client: BatchServiceClient;
let job: string;
let number = 0;

/** Holds requests of a method as long as it is told to, and answers as a container and a web server would. */
const storage = { held: new Map<ServerResponse, string>(), holds: "", url: "", requests: new Map<string, number>() };
const blobs = createServer((request, response) => {
  request.resume().on("end", () => {
    const method = request.method ?? "";
    storage.held.set(response, method);
    storage.requests.set(method, (storage.requests.get(method) ?? 0) + 1);
    response.on("close", () => storage.held.delete(response));
    answer(response);
  });
});

function answer(response: ServerResponse): void {
  const method = storage.held.get(response);
  if (method === undefined || method === storage.holds) return;
  if (method === "GET") response.writeHead(200).end("input\n");
  else response.writeHead(201).end();
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "kyanite-phases-"));
  await chmod(directory, 0o711);
  const [http, https, storagePort] = await freePorts(3);
  share = join(directory, "share");
  await mkdir(share);
  flags = ["--data-dir", join(directory, "data"), "--http-port", `${http}`, "--https-port", `${https}`];
  flags.push("--mount-sources", `files:/share=${share}`);
  storage.url = `http://127.0.0.1:${storagePort}`;
  await new Promise<void>((resolve) => blobs.listen(storagePort, "127.0.0.1", resolve));
  await start();
  const mountConfiguration = [{ nfsMountConfiguration: { source: "files:/share", relativeMountPath: "share" } }];
  await client.pool.add(aPool("pool", { mountConfiguration, targetDedicatedNodes: 2, taskSlotsPerNode: 2 }));
  await nodesAreIdle();
}, 120_000);
afterAll(async () => {
  await server?.stop();
  blobs.closeAllConnections();
  blobs.close();
  await rm(directory, { recursive: true, force: true });
}, 60_000);

beforeEach(async () => {
  job = `job${++number}`;
  await mkdir(join(share, job));
  await chmod(join(share, job), 0o777);
});

async function start(): Promise<void> {
  server = await startServerProcess([...flags, "--node-silent-seconds", "10", "--heartbeat-seconds", "2"]);
  const { account, accountKey, batchUrl } = server.endpoints;
  client = batchClient({ account: { name: account, key: accountKey }, url: batchUrl });
}

/** Tasks that pass through every phase, and leave a mark of each command that begins. */
async function addWork(phase: Phase): Promise<Gate> {
  const gates = join(share, job);
  for (const other of phases) if (other !== phase) await writeFile(join(gates, `${other}-open`), "");
  // Each node has users of its own, and all write to the same files.
  const pass = (name: Phase) =>
    `umask 0; echo $AZ_BATCH_TASK_ID >> ${gates}/${name}; until [ -e ${gates}/${name}-open ]; do sleep 0.1; done`;
  storage.requests.clear();
  storage.holds = phase === "download" ? "GET" : phase === "upload" ? "PUT" : "";
  await client.job.add({
    id: job,
    poolInfo: { poolId: "pool" },
    jobPreparationTask: { commandLine: `/bin/sh -c '${pass("preparation")}'` },
  });
  const task = (id: string): TaskAddParameter => ({
    id,
    commandLine: `/bin/sh -c 'echo began >> began.txt; ${pass("command")}; cat began.txt input.txt'`,
    resourceFiles: [{ httpUrl: `${storage.url}/${job}/${id}`, filePath: "input.txt" }],
    outputFiles: [
      {
        filePattern: "began.txt",
        destination: { container: { containerUrl: `${storage.url}/${job}?sig=none`, path: id } },
        uploadOptions: { uploadCondition: "tasksuccess" },
      },
    ],
  });
  await client.task.addCollection(
    job,
    Array.from({ length: taskCount }, (_, n) => task(`${n}`)),
  );
  return gateOf(phase);
}

function gateOf(phase: Phase): Gate {
  const isTransfer = phase === "download" || phase === "upload";
  return {
    waiting: async () => (isTransfer ? storage.held.size : (await marks(phase)).length),
    open: async () => {
      storage.holds = "";
      for (const response of storage.held.keys()) answer(response);
      if (!isTransfer) await writeFile(join(share, job, `${phase}-open`), "");
    },
  };
}

/** The commands that have begun in a phase, one for each time. */
async function marks(phase: Phase): Promise<readonly string[]> {
  try {
    return (await readFile(join(share, job, phase), "utf8")).trim().split("\n");
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return [];
    throw error;
  }
}

const tasks = () => client.task.list(job);
const nodesAreIdle = () =>
  until(
    () => client.computeNode.list("pool"),
    (nodes) => nodes.length === 2 && nodes.every(({ state }) => state === "idle"),
    60,
  );

/** Everybody waits at the gate: each task, or each node where its preparation does. */
const allWait = (phase: Phase, gate: Gate) =>
  until(gate.waiting, (count) => count === (phase === "preparation" ? 2 : taskCount), 60);

async function expectEachCompletedOnce(): Promise<void> {
  const all = await until(tasks, (found) => found.every(({ state }) => state === "completed"), 90);
  expect(all.map(({ executionInfo }) => executionInfo)).toEqual(
    Array.from({ length: taskCount }, () =>
      expect.objectContaining({ result: "success", exitCode: 0, retryCount: 0, requeueCount: 0 }),
    ),
  );
  expect((await client.job.getTaskCounts(job)).taskCounts).toEqual({
    active: 0,
    running: 0,
    completed: taskCount,
    succeeded: taskCount,
    failed: 0,
  });
}

/** Slots are free, and neither a process of the job nor an agent too many is left. */
async function expectNothingIsLeft(): Promise<void> {
  const nodes = await nodesAreIdle();
  expect(
    nodes.map(({ runningTasksCount, runningTaskSlotsCount }) => [runningTasksCount, runningTaskSlotsCount]),
  ).toEqual(nodes.map(() => [0, 0]));
  const left = async () => processesWithVariable("AZ_BATCH_JOB_ID", job);
  expect(await until(left, (found) => found.length === 0, 30)).toEqual([]);
  expect(processesWithVariable("KYANITE_AGENT_SERVICE_URL", server.endpoints.batchUrl)).toHaveLength(1);
}

describe.each(phases)("in the phase of %s", (phase) => {
  test("an agent that is killed costs its tasks nothing: the next one goes on", async () => {
    const gate = await addWork(phase);
    await allWait(phase, gate);
    const placed = await tasks();
    const nodeId = placed[0]?.nodeInfo?.nodeId ?? "";
    const agent = await agentOfNode(join(directory, "data/nodes"), nodeId);
    process.kill(agent?.pid ?? 0, "SIGKILL");
    await gate.open();
    await expectEachCompletedOnce();
    expect(await marks("command")).toHaveLength(taskCount);
    expect(await marks("preparation")).toHaveLength(2);
    expect(storage.requests.get("PUT")).toBe(taskCount + (phase === "upload" ? taskCount : 0));
    await expectNothingIsLeft();
  }, 180_000);

  test.each([
    { end: "ends while nobody serves", isOpenedFirst: true },
    { end: "outlasts it", isOpenedFirst: false },
  ])(
    "a server that is killed repeats nothing, when the phase $end",
    async ({ isOpenedFirst }) => {
      const gate = await addWork(phase);
      await allWait(phase, gate);
      await server.kill();
      if (isOpenedFirst) await gate.open();
      await start();
      if (!isOpenedFirst) await gate.open();
      await expectEachCompletedOnce();
      expect([...(await marks("command"))].sort()).toEqual(["0", "1", "2"]);
      expect(await marks("preparation")).toHaveLength(2);
      for (let n = 0; n < taskCount; n++) {
        const { readableStreamBody } = await client.file.getFromTask(job, `${n}`, "stdout.txt");
        expect(readableStreamBody && (await text(readableStreamBody))).toBe("began\ninput\n");
      }
      await expectNothingIsLeft();
    },
    180_000,
  );
});
