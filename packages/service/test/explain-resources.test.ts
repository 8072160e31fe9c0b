import {
  aPool,
  queueingProvider,
  type RawClient,
  type RunningService,
  rawClient,
  runningService,
  until,
} from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { explainer, failingOf } from "./explained.ts";

let service: RunningService;
let call: RawClient;
let explain: ReturnType<typeof explainer>;

/** Sends what has to succeed. */
async function send(method: string, path: string, body?: object) {
  const { status, text } = await call(method, path, body ? { body } : {});
  if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
}
const addPool = (id: string, more: object = {}) => send("POST", "/pools", aPool(id, more));
const addJob = (id: string, poolId: string, more: object = {}) =>
  send("POST", "/jobs", { id, poolInfo: { poolId }, ...more });
const addTask = (jobId: string, id: string, more: object = {}) =>
  send("POST", `/jobs/${jobId}/tasks`, { id, commandLine: "/bin/true", ...more });
const got = async (path: string) => Object((await call("GET", path)).json);
const completed = (jobId: string, id: string) =>
  until(
    () => got(`/jobs/${jobId}/tasks/${id}`),
    ({ state }) => state === "completed",
  );
const nodeIn = async (poolId: string, state: string): Promise<string> => {
  const wanted = (node: { readonly state: string }) => node.state === state;
  const { value } = await until(
    () => got(`/pools/${poolId}/nodes`),
    (nodes) => nodes.value.some(wanted),
  );
  return value.find(wanted).id;
};

beforeAll(async () => {
  service = await runningService({ settings: { dedicatedCoreQuota: 20, poolSampleSeconds: 1 } });
  call = rawClient(service);
  explain = explainer(call);
  await addPool("pool");
  await nodeIn("pool", "idle");
});
afterAll(() => service[Symbol.asyncDispose]());

describe("a job", () => {
  test("that goes on is fine, and one that is done says how it could end", async () => {
    await addJob("fine", "pool");
    expect(await explain.explain("jobs/fine/")).toMatchObject({ verdict: "fine", summary: "The job has no tasks." });
    await addTask("fine", "t");
    await completed("fine", "t");
    const told = await explain.explain("jobs/fine/");
    expect(told).toMatchObject({ verdict: "fine", summary: "Its only task is complete, and the job stays for more." });
    expect(told.remedies.map(({ operation }) => operation)).toEqual(["Job_Terminate", "Job_Patch"]);
  });

  test("says what keeps its next task, which of its tasks can never run, and how most fail", async () => {
    await addJob("bad", "pool");
    const failedOf = async () =>
      failingOf(await explain.explain("jobs/bad/")).find(({ code }) => code === "noTaskFailed")?.text;
    await addTask("bad", "a", { commandLine: "/bin/sh -c 'exit 7'" });
    await completed("bad", "a");
    expect(await failedOf()).toBe("1 task of the job has failed, with FailureExitCode and exit code 7.");
    await addTask("bad", "c", { commandLine: "/bin/false" });
    await completed("bad", "c");
    expect(await failedOf()).toMatch(/^2 tasks of the job have failed, 1 of them with FailureExitCode and exit code/);
    await addTask("bad", "b", { commandLine: "/bin/sh -c 'exit 7'" });
    await completed("bad", "b");
    expect(await failedOf()).toBe("3 tasks of the job have failed, most with FailureExitCode and exit code 7.");
    await addTask("bad", "large", { requiredSlots: 3 });
    const told = await explain.explain("jobs/bad/");
    expect(told.summary).toBe(
      "Its next task needs 3 slots and the largest node of the pool has 1, so it can never run there.",
    );
    expect(failingOf(told).map(({ code }) => code)).toEqual(["fitsANode", "tasksSatisfiable", "noTaskFailed"]);
    expect(told.failure).toMatchObject({ code: "FailureExitCode", exitCode: 7, alike: 2, lookedAt: 3 });
    expect(told.remedies).toContainEqual(expect.objectContaining({ body: { onUnsatisfiableTasks: "fail" } }));
  });

  test("none of whose tasks goes on by itself says so", async () => {
    await addJob("blocked", "pool", { usesTaskDependencies: true });
    await addTask("blocked", "parent", { commandLine: "/bin/false" });
    await addTask("blocked", "child", { dependsOn: { taskIds: ["parent"] } });
    const told = await explain.untilFails("jobs/blocked/", "tasksGoOn");
    expect(told).toMatchObject({
      verdict: "stuck",
      summary: "No task runs, and the only active one waits for another: none goes on by itself.",
    });
  });
});

describe("tasks that can never run", () => {
  test("fail where their job asks for that, with all that follows from a failure", async () => {
    await addJob("strict", "pool", { onUnsatisfiableTasks: "fail", usesTaskDependencies: true });
    expect(await got("/jobs/strict")).toMatchObject({ onUnsatisfiableTasks: "fail" });
    await addTask("strict", "large", {
      requiredSlots: 3,
      exitConditions: { preProcessingError: { dependencyAction: "satisfy" } },
    });
    await addTask("strict", "child", { dependsOn: { taskIds: ["large"] } });
    expect(await completed("strict", "large")).toMatchObject({
      executionInfo: {
        result: "failure",
        failureInfo: {
          category: "UserError",
          code: "TaskUnsatisfiable",
          details: [
            {
              name: "Message",
              value: "It needs 3 slots and the largest node of the pool has 1, so it can never run there",
            },
          ],
        },
      },
    });
    expect(await completed("strict", "child")).toMatchObject({ executionInfo: { result: "success" } });
  });

  test("wait until their job asks for that", async () => {
    await addJob("patient", "pool");
    await addTask("patient", "large", { requiredSlots: 3 });
    await addTask("patient", "gang", {
      multiInstanceSettings: { numberOfInstances: 2, coordinationCommandLine: "/bin/true" },
    });
    await addTask("patient", "small");
    await completed("patient", "small");
    expect(await got("/jobs/patient/tasks/large")).toMatchObject({ state: "active" });
    await send("PATCH", "/jobs/patient", { onUnsatisfiableTasks: "fail" });
    for (const id of ["large", "gang"])
      expect(await completed("patient", id)).toMatchObject({
        executionInfo: { failureInfo: { code: "TaskUnsatisfiable" } },
      });
  });

  test("are not a matter of spelling: another value is refused", async () => {
    const body = { id: "odd", poolInfo: { poolId: "pool" }, onUnsatisfiableTasks: "explode" };
    expect(await call("POST", "/jobs", { body })).toMatchObject({
      status: 400,
      json: { code: "InvalidPropertyValue" },
    });
  });
});

describe("a node whose start task has failed", () => {
  test("says how, and runs it again as the pool has it now", async () => {
    const script = "echo preparing; echo no license >&2; exit 3";
    await addPool("unready", { startTask: { commandLine: `/bin/sh -c '${script}'`, waitForSuccess: true } });
    const nodeId = await nodeIn("unready", "starttaskfailed");
    const told = await explain.explain(`pools/unready/nodes/${nodeId}/`);
    expect(told).toMatchObject({
      kind: "node",
      verdict: "stuck",
      summary: "The start task has failed: The task exited with code 3.",
      failure: {
        code: "FailureExitCode",
        exitCode: 3,
        logs: [
          { file: "stderr.txt", text: "no license" },
          { file: "stdout.txt", text: "preparing" },
        ],
      },
    });
    const pool = await explain.explain("pools/unready/");
    expect(pool.summary).toBe("No node of the pool unready takes tasks: 1 has a failed start task.");
    await send("PATCH", "/pools/unready", { startTask: { commandLine: "/bin/true", waitForSuccess: true } });
    const [remedy] = told.remedies;
    expect(remedy).toMatchObject({ operation: "ComputeNode_RerunStartTask" });
    await send(String(remedy?.method), String(remedy?.path));
    await nodeIn("unready", "idle");
    expect(await explain.explain(`pools/unready/nodes/${nodeId}/`)).toMatchObject({ verdict: "fine" });
    expect(await explain.explain("pools/unready/")).toMatchObject({ verdict: "fine" });
  });

  test("cannot run what the pool does not have, nor while it has tasks", async () => {
    const nodeId = await nodeIn("pool", "idle");
    const rerun = () => call("POST", `/kyanite/pools/pool/nodes/${nodeId}/rerunstarttask`);
    expect(await rerun()).toMatchObject({ status: 409, json: { code: "OperationNotValidOnNode" } });
    await addJob("long", "pool");
    await addTask("long", "t", { commandLine: "/bin/sleep 600" });
    await nodeIn("pool", "running");
    expect(await rerun()).toMatchObject({ status: 409, json: { code: "OperationNotValidOnNode" } });
    expect(await explain.explain(`pools/pool/nodes/${nodeId}/`)).toMatchObject({
      verdict: "waiting",
      summary: "Every slot is taken: 1 task on 1 of 1 slot.",
    });
    await send("POST", "/jobs/long/terminate");
    await nodeIn("pool", "idle");
  });
});

describe("a pool", () => {
  test("that runs into a quota names the setting", async () => {
    await addPool("huge", { targetDedicatedNodes: 1, vmSize: "standard_d32s_v3" });
    const told = await until(
      () => explain.explain("pools/huge/"),
      ({ verdict }) => verdict === "stuck",
    );
    expect(told.summary).toMatch(
      /^The account may use 20 cores of dedicated nodes \(setting dedicated-core-quota\), of which \d+ are free, and/,
    );
    expect(told.remedies[0]?.text).toBe("Start the server with a higher setting dedicated-core-quota");
  });

  test("whose formula fails says so, and one whose formula asks for more says how many", async () => {
    const enableAutoScale = true;
    const scaled = { targetDedicatedNodes: undefined, enableAutoScale, autoScaleEvaluationInterval: "PT5M" };
    await addPool("wrong", { ...scaled, autoScaleFormula: "$TargetDedicatedNodes = 1 / 0;" });
    const wrong = await explain.untilFails("pools/wrong/", "formulaWorks");
    expect(wrong.summary).toMatch(/^The formula of the pool fails: /);
    const autoScaleFormula =
      "$TargetDedicatedNodes = $PendingSlots > 0 && $OldestWaitSeconds > 0 ? $ActiveSlots + $RunningSlots : 0;";
    await addPool("scaled", { ...scaled, taskSlotsPerNode: 4, autoScaleFormula });
    await addJob("scaled", "scaled");
    for (const id of ["a", "b"]) await addTask("scaled", id, { requiredSlots: 1 });
    await addTask("scaled", "c", { requiredSlots: 2 });
    const told = await until(
      () => explain.explain("pools/scaled/"),
      ({ conditions }) => conditions.some(({ code, holds }) => code === "formulaMet" && !holds),
    );
    expect(told.conditions.find(({ code }) => code === "formulaMet")).toMatchObject({
      text: "Evaluated now, the formula asks for 4 dedicated and 0 low-priority nodes, and the pool is to have 0 and 0 until its next evaluation.",
    });
    await send("POST", "/pools/scaled/runautoscale");
    for (const id of ["a", "b", "c"]) await completed("scaled", id);
    await send("DELETE", "/pools/scaled");
  });
});

test("a schedule says when it runs next, and what keeps it", async () => {
  const add = (id: string, schedule: object) =>
    send("POST", "/jobschedules", { id, schedule, jobSpecification: { poolInfo: { poolId: "pool" } } });
  await add("daily", { recurrenceInterval: "P1D" });
  const told = await until(
    () => explain.explain("jobschedules/daily/"),
    ({ conditions }) => conditions.some(({ code, holds }) => code === "lastJobEnded" && !holds),
  );
  expect(told).toMatchObject({
    kind: "jobSchedule",
    verdict: "waiting",
    summary: "Its job daily:job-1 is active, and the next is made when that has ended.",
  });
  await add("later", { recurrenceInterval: "P1D", doNotRunUntil: "2999-01-01T00:00:00Z" });
  expect((await explain.explain("jobschedules/later/")).summary).toMatch(
    /^The next job is due at 2999-01-01T00:00:00Z, in \d+ days, as it is not to run before\.$/,
  );
  await send("POST", "/jobschedules/later/disable");
  expect(await explain.explain("jobschedules/later/")).toMatchObject({
    verdict: "stuck",
    summary: "The schedule is disabled.",
    remedies: [{ operation: "JobSchedule_Enable" }],
  });
});

test("the account says what needs attention", async () => {
  const told = await explain.explain("");
  expect(told).toMatchObject({ kind: "account", id: service.account.name, verdict: "stuck" });
  expect(failingOf(told).map(({ code }) => code)).toEqual(
    expect.arrayContaining(["resizesReached", "formulasWork", "tasksGoOn", "tasksSatisfiable", "noTaskFailed"]),
  );
  expect(told.summary).toMatch(/^\d+ things need attention: /);
});

test("what is not there is not explained", async () => {
  for (const path of ["jobs/none", "pools/none", "pools/pool/nodes/none", "jobschedules/none"])
    expect(await call("GET", `/kyanite/${path}/explanation`)).toMatchObject({ status: 404 });
});

test("a node that waits at its provider says what it waits for", async () => {
  await using other = await runningService({ provider: queueingProvider().provider() });
  const ask = rawClient(other);
  await ask("POST", "/pools", { body: aPool("queued") });
  await ask("POST", "/jobs", { body: { id: "queued", poolInfo: { poolId: "queued" } } });
  await ask("POST", "/jobs/queued/tasks", { body: { id: "t", commandLine: "true" } });
  const told = await until(
    () => explainer(ask).explain("jobs/queued/tasks/t/"),
    ({ summary }) => summary.includes("its provider says"),
  );
  expect(told).toMatchObject({
    verdict: "waiting",
    summary: "No node of the pool queued takes tasks: 1 is being created; its provider says: waits for a place.",
  });
});
