import {
  anAutoPool,
  aPool,
  type RawClient,
  type RunningService,
  rawClient,
  runningService,
  until,
} from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

let service: RunningService;
let call: RawClient;
beforeAll(async () => {
  service = await runningService();
  call = rawClient(service);
});
afterAll(() => service[Symbol.asyncDispose]());

const hello = "/bin/sh -c 'echo hello; while [ ! -e stop ]; do sleep 0.1; done'";

/** Adds a pool of one node, a job, and a task on it that has come to this state; answers the node's id. */
async function taskIn(state: "running" | "completed", id: string, commandLine: string): Promise<string> {
  await call("POST", "/pools", { body: aPool(id) });
  await call("POST", "/jobs", { body: { id, poolInfo: { poolId: id } } });
  await call("POST", `/jobs/${id}/tasks`, { body: { id: "t", commandLine } });
  const task = await until(
    async () => Object((await call("GET", `/jobs/${id}/tasks/t`)).json),
    (found) => found.state === state,
    60,
  );
  return task.nodeInfo.nodeId;
}

const leave = (id: string, nodeId: string, nodeDeallocationOption: string) =>
  call("POST", `/pools/${id}/removenodes`, { body: { nodeList: [nodeId], nodeDeallocationOption } });

async function showsFiles(id: string, nodeId: string) {
  expect(await call("GET", `/pools/${id}/nodes/${nodeId}`)).toMatchObject({ json: { state: "leavingpool" } });
  for (const path of [`/jobs/${id}/tasks/t/files`, `/pools/${id}/nodes/${nodeId}/files/workitems/${id}/job-1/t`])
    expect(await call("GET", `${path}/stdout.txt`)).toMatchObject({ status: 200, text: "hello\n" });
  for (const path of [`/jobs/${id}/tasks/t/files`, `/pools/${id}/nodes/${nodeId}/files`])
    expect(await call("GET", path)).toMatchObject({ status: 200 });
  expect(await call("HEAD", `/jobs/${id}/tasks/t/files/stdout.txt`)).toMatchObject({ status: 200 });
}

test("what a leaving node retains is read, also after its agent was started again", async () => {
  const nodeId = await taskIn("completed", "retained", "echo hello");
  expect((await leave("retained", nodeId, "retaineddata")).status).toBe(202);
  await until(
    () => service.database`select retained_until from node where id = ${nodeId}`,
    ([node]) => node?.retainedUntil instanceof Date,
  );
  await showsFiles("retained", nodeId);
  await service.service.provider.halt([nodeId]);
  // Meanwhile what is kept of the task answers for it, but not for its node.
  await until(
    async () => (await call("GET", `/pools/retained/nodes/${nodeId}/files`)).status,
    (status) => status === 200,
    30,
  );
  await showsFiles("retained", nodeId);
}, 90_000);

test("the output of a task on a node that leaves when it has ended is read while it runs", async () => {
  const nodeId = await taskIn("running", "awaited", hello);
  await until(
    async () => (await call("GET", "/jobs/awaited/tasks/t/files/stdout.txt")).text,
    (text) => text === "hello\n",
  );
  expect((await leave("awaited", nodeId, "taskcompletion")).status).toBe(202);
  await showsFiles("awaited", nodeId);
}, 90_000);

test("no read hangs while an auto pool goes with its job", async () => {
  const autoPoolSpecification = { poolLifetimeOption: "job", autoPoolIdPrefix: "auto-", pool: anAutoPool() };
  const body = { id: "auto", poolInfo: { autoPoolSpecification } };
  expect((await call("POST", "/jobs", { body })).status).toBe(201);
  await call("POST", "/jobs/auto/tasks", { body: { id: "t", commandLine: "echo hello" } });
  await call("PATCH", "/jobs/auto", { body: { onAllTasksComplete: "terminatejob" } });
  const answers = new Set<string>();
  await until(
    async () => {
      const begin = performance.now();
      const { status, json, text } = await call("GET", "/jobs/auto/tasks/t/files/stdout.txt");
      expect(performance.now() - begin).toBeLessThan(10_000);
      answers.add(`${status} ${status === 200 ? text : Object(json).code}`);
      return (await call("GET", "/pools")).text.includes("auto-");
    },
    (isThere) => !isThere && answers.size > 1,
    60,
  );
  expect(
    [...answers].filter((each) => !/^(200 (hello\n)?|409 TaskFilesUnavailable|404 FileNotFound)$/.test(each)),
  ).toEqual([]);
}, 90_000);
