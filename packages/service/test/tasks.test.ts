import { text } from "node:stream/consumers";
import type { BatchServiceClient, TaskAddParameter } from "@azure/batch";
import {
  aPool,
  batchClient,
  type RunningService,
  rawClient,
  runningService,
  storageContainer,
  until,
} from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

let service: RunningService;
let client: BatchServiceClient;

beforeAll(async () => {
  service = await runningService();
  client = batchClient(service);
  await client.pool.add(aPool("pool", { targetDedicatedNodes: 1, taskSlotsPerNode: 4 }));
  await until(
    () => client.computeNode.list("pool"),
    (nodes) => nodes.length === 1 && nodes.every(({ state }) => state === "idle"),
  );
});
afterAll(() => service[Symbol.asyncDispose]());

const sh = (script: string) => `/bin/sh -c '${script}'`;
/** Succeeds in a task's first run and fails in every other. */
const isFirstTime = "mkdir $AZ_BATCH_NODE_SHARED_DIR/$AZ_BATCH_JOB_ID-$AZ_BATCH_TASK_ID 2>/dev/null";
let number = 0;

async function aJob(more: object = {}): Promise<string> {
  const id = `job${++number}`;
  await client.job.add({ id, poolInfo: { poolId: "pool" }, ...more });
  return id;
}

const add = (job: string, ...tasks: TaskAddParameter[]) => client.task.addCollection(job, tasks);
const inState = (job: string, id: string, state: string) =>
  until(
    () => client.task.get(job, id),
    (task) => task.state === state,
  );
const completed = (job: string, id: string) => inState(job, id, "completed");
const codeOf = (request: Promise<unknown>) =>
  request.then(
    () => "accepted",
    (error) => error.code,
  );
/** What the server answers, with what the client library leaves out. */
async function answerOf(path: string): Promise<Record<string, unknown>> {
  const { json } = await rawClient(service)("GET", path);
  return typeof json === "object" && json !== null ? { ...json } : {};
}
const sorted = (values: unknown) => (Array.isArray(values) ? values.map((value) => JSON.stringify(value)).sort() : []);
const stdout = async (job: string, id: string) => {
  const { readableStreamBody } = await client.file.getFromTask(job, id, "stdout.txt");
  return readableStreamBody ? text(readableStreamBody) : "";
};

describe("dependencies", () => {
  test("a failed task blocks those that depend on it, unless its exit condition satisfies them", async () => {
    const job = await aJob({ usesTaskDependencies: true });
    const satisfy = { dependencyAction: "satisfy" as const };
    await add(
      job,
      { id: "fails", commandLine: sh("exit 3") },
      {
        id: "may-fail",
        commandLine: sh("exit 3"),
        exitConditions: { exitCodeRanges: [{ start: 2, end: 4, exitOptions: satisfy }] },
      },
      { id: "may-miss", commandLine: "no-such-program", exitConditions: { preProcessingError: satisfy } },
      { id: "blocked", commandLine: "true", dependsOn: { taskIds: ["fails"] } },
      { id: "goes-on", commandLine: "true", dependsOn: { taskIds: ["MAY-FAIL", "may-miss"] } },
    );
    await completed(job, "goes-on");
    await completed(job, "fails");
    expect((await client.task.get(job, "blocked")).state).toBe("active");
    // On success it satisfies those that still wait.
    expect((await client.task.get(job, "fails")).executionInfo?.result).toBe("failure");
  });

  test("in a range an id counts as the integer it is, whatever zeros it begins with", async () => {
    const job = await aJob({ usesTaskDependencies: true });
    await add(
      job,
      { id: "last", commandLine: "true", dependsOn: { taskIdRanges: [{ start: 4, end: 5 }] } },
      { id: "04", commandLine: "true" },
      { id: "004", commandLine: "true" },
    );
    await completed(job, "04");
    await completed(job, "004");
    expect((await client.task.get(job, "last")).state).toBe("active");
    await add(job, { id: "5", commandLine: "true" });
    await completed(job, "last");
  });

  test("a task that is deleted satisfies no longer, and one that takes its place does", async () => {
    const job = await aJob({ usesTaskDependencies: true });
    await add(
      job,
      { id: "a", commandLine: "true" },
      { id: "7", commandLine: "true" },
      { id: "child", commandLine: "true", dependsOn: { taskIds: ["a", "b"], taskIdRanges: [{ start: 7, end: 7 }] } },
    );
    await completed(job, "a");
    await completed(job, "7");
    await client.task.deleteMethod(job, "a");
    await client.task.deleteMethod(job, "7");
    await add(job, { id: "b", commandLine: "true" }, { id: "a", commandLine: "true" });
    await completed(job, "b");
    await completed(job, "a");
    expect((await client.task.get(job, "child")).state).toBe("active");
    await add(job, { id: "7", commandLine: "true" });
    await completed(job, "child");
  });

  test("need a job that uses them, and are neither reversed nor too long", async () => {
    const [plain, using] = [await aJob(), await aJob({ usesTaskDependencies: true })];
    const task = (dependsOn: TaskAddParameter["dependsOn"]) => ({ id: "t", commandLine: "true", dependsOn });
    const refused = await client.task.add(plain, task({ taskIds: ["a"] })).catch(({ body }) => body);
    expect(refused).toMatchObject({
      code: "UnsupportedProperty",
      values: [
        { key: "PropertyName", value: "dependsOn" },
        { key: "Reason", value: expect.stringContaining("usesTaskDependencies") },
      ],
    });
    expect(await codeOf(client.task.add(using, task({ taskIdRanges: [{ start: 2, end: 1 }] })))).toBe(
      "InvalidPropertyValue",
    );
    expect(
      await codeOf(
        client.task.add(using, task({ taskIds: Array.from({ length: 1100 }, (_, n) => `${"x".repeat(60)}${n}`) })),
      ),
    ).toBe("TaskDependencyListTooLong");
  });

  test("hold a task back although there is room, in a circle for ever", async () => {
    const job = await aJob({ usesTaskDependencies: true });
    await add(
      job,
      { id: "a", commandLine: "true", dependsOn: { taskIds: ["b"] } },
      { id: "b", commandLine: "true", dependsOn: { taskIds: ["a"] } },
      { id: "self", commandLine: "true", dependsOn: { taskIds: ["self"] } },
      { id: "free", commandLine: "true" },
    );
    await completed(job, "free");
    expect((await client.job.getTaskCounts(job)).taskCounts).toMatchObject({ active: 3, completed: 1 });
    expect(await answerOf(`/jobs/${job}/taskcounts`)).toMatchObject({ allWaitForOthers: true });
  });

  test("that cannot be satisfied are shown with the task, and why", async () => {
    const job = await aJob({ usesTaskDependencies: true });
    await add(
      job,
      { id: "fails", commandLine: sh("exit 3") },
      { id: "1", commandLine: "true" },
      { id: "after", commandLine: "true", dependsOn: { taskIds: ["fails"] } },
      { id: "circle", commandLine: "true", dependsOn: { taskIds: ["circle"] } },
      {
        id: "last",
        commandLine: "true",
        dependsOn: { taskIds: ["after", "Later", "FAILS", "circle"], taskIdRanges: [{ start: 1, end: 3 }] },
      },
    );
    await completed(job, "fails");
    await completed(job, "1");
    const waitOf = async () => (await answerOf(`/jobs/${job}/tasks/last`)).unsatisfiedDependencies;
    expect(sorted(await waitOf())).toEqual(
      sorted([
        { taskId: "after", reason: "blocked", path: ["fails"] },
        { taskId: "Later", reason: "missing" },
        { taskId: "FAILS", reason: "blocked" },
        { taskId: "circle", reason: "circular", path: ["circle"] },
        { taskId: "2", reason: "missing" },
        { taskId: "3", reason: "missing" },
      ]),
    );
    expect(await answerOf(`/jobs/${job}/taskcounts`)).toMatchObject({ allWaitForOthers: true });

    await add(job, { id: "later", commandLine: "sleep 60" });
    await inState(job, "later", "running");
    expect(await waitOf()).toContainEqual({ taskId: "Later", reason: "waiting" });
    expect(await answerOf(`/jobs/${job}/taskcounts`)).not.toHaveProperty("allWaitForOthers");
    const { value } = await answerOf(`/jobs/${job}/tasks`);
    expect(value).toHaveLength(6);
    expect(JSON.stringify(value)).not.toContain("unsatisfiedDependencies");
    await client.job.terminate(job);
  });

  test("may be many: what a task waits for is told quickly, a hundred at most", async () => {
    const job = await aJob({ usesTaskDependencies: true });
    const range = { taskIdRanges: [{ start: 1, end: 1_000_000 }] };
    const wide = Array.from({ length: 99 }, (_, n) => ({ id: `wide${n}`, commandLine: "true", dependsOn: range }));
    await add(job, ...wide, {
      id: "last",
      commandLine: "true",
      dependsOn: { ...range, taskIds: wide.map(({ id }) => id) },
    });
    const { unsatisfiedDependencies } = await answerOf(`/jobs/${job}/tasks/last`);
    expect(unsatisfiedDependencies).toHaveLength(100);
  });
});

describe("exit conditions", () => {
  const performing = { onTaskFailure: "performexitoptionsjobaction" as const };

  test("a failure that nothing covers terminates the job", async () => {
    const job = await aJob(performing);
    await add(job, { id: "t", commandLine: sh("exit 1") }, { id: "long", commandLine: "sleep 60" });
    const ended = await until(
      () => client.job.get(job),
      ({ state }) => state === "completed",
    );
    expect(ended.executionInfo?.terminateReason).toBe("TaskFailed");
    expect((await client.task.get(job, "long")).executionInfo?.failureInfo?.code).toBe("TaskEnded");
  });

  test("a task that is terminated on request leaves its job as it is, and may be reactivated", async () => {
    const job = await aJob(performing);
    await add(job, { id: "t", commandLine: "sleep 60", exitConditions: { default: { jobAction: "terminate" } } });
    await client.task.terminate(job, "t");
    expect((await client.task.get(job, "t")).executionInfo?.failureInfo?.code).toBe("TaskEnded");
    expect((await client.job.get(job)).state).toBe("active");
    await client.task.reactivate(job, "t");
    await add(job, { id: "more", commandLine: "true" });
    await completed(job, "more");
    await client.job.terminate(job);
  });

  test("an action for the exit code comes before that for a failed upload", async () => {
    const container = await storageContainer(service, "refused");
    const containerUrl = container.url.replace(/sig=[^&]+/, "sig=AAAA");
    const outputFiles = [
      {
        filePattern: "../stdout.txt",
        destination: { container: { containerUrl } },
        uploadOptions: { uploadCondition: "taskcompletion" as const },
      },
    ];
    const job = await aJob(performing);
    await add(job, {
      id: "t",
      commandLine: "true",
      outputFiles,
      exitConditions: {
        exitCodes: [{ code: 0, exitOptions: { jobAction: "none" } }],
        fileUploadError: { jobAction: "terminate" },
      },
    });
    expect((await completed(job, "t")).executionInfo).toMatchObject({ exitCode: 0, result: "failure" });
    expect((await client.job.get(job)).state).toBe("active");
    await add(job, {
      id: "u",
      commandLine: "true",
      outputFiles,
      exitConditions: { fileUploadError: { jobAction: "disable" } },
    });
    await until(
      () => client.job.get(job),
      ({ state }) => state === "disabled",
    );
  });
});

describe("retries", () => {
  test("−1 tries until it works, in the directory of the run before", async () => {
    const job = await aJob();
    await add(job, {
      id: "t",
      commandLine: sh("echo x >> tries; [ $(wc -l < tries) -ge 4 ]"),
      constraints: { maxTaskRetryCount: -1 },
    });
    const { executionInfo, stats } = await completed(job, "t");
    expect(executionInfo).toMatchObject({ retryCount: 3, exitCode: 0, result: "success" });
    expect(stats).toBeUndefined();
    const withStats = await client.task.get(job, "t", { taskGetOptions: { expand: "stats" } });
    expect(withStats.stats?.wallClockTime).toMatch(/^PT0\.\d+S|PT\d/);
  });

  test("what could not be started is not tried again", async () => {
    const job = await aJob();
    await add(job, { id: "t", commandLine: "no-such-program", constraints: { maxTaskRetryCount: 5 } });
    expect((await completed(job, "t")).executionInfo).toMatchObject({ retryCount: 0, result: "failure" });
  });
});

describe("disabling a job with running tasks", () => {
  const disabled = (job: string) =>
    until(
      () => client.job.get(job),
      ({ state }) => state === "disabled",
    );

  test("requeue takes them back, and they run again when it is enabled", async () => {
    const job = await aJob();
    await add(job, { id: "t", commandLine: sh(`${isFirstTime} && { echo begun; sleep 60; }; echo done`) });
    await inState(job, "t", "running");
    await until(
      () => stdout(job, "t").catch(() => ""),
      (output) => output === "begun\n",
    );
    await client.job.disable(job, "requeue");
    await disabled(job);
    const requeued = await client.task.get(job, "t");
    expect(requeued).toMatchObject({ state: "active", previousState: "running" });
    expect(requeued.executionInfo?.requeueCount).toBe(1);
    await client.job.enable(job);
    const { executionInfo } = await completed(job, "t");
    expect(executionInfo).toMatchObject({ result: "success", requeueCount: 1, retryCount: 0 });
  });

  test("terminate fails them; wait lets them finish, and takes new tasks meanwhile", async () => {
    const [ending, waiting] = [await aJob(), await aJob()];
    await add(ending, { id: "t", commandLine: "sleep 60" });
    await add(waiting, { id: "t", commandLine: "sleep 1" });
    await Promise.all([inState(ending, "t", "running"), inState(waiting, "t", "running")]);
    await Promise.all([client.job.disable(ending, "terminate"), client.job.disable(waiting, "wait")]);
    await disabled(ending);
    expect((await client.task.get(ending, "t")).executionInfo).toMatchObject({
      result: "failure",
      failureInfo: { code: "TaskEnded" },
    });
    expect((await client.job.get(waiting)).state).toBe("disabling");
    await add(waiting, { id: "new", commandLine: "true" });
    await disabled(waiting);
    expect((await client.task.get(waiting, "t")).executionInfo?.result).toBe("success");
    expect((await client.task.get(waiting, "new")).state).toBe("active");
    await client.job.enable(waiting);
    await completed(waiting, "new");
  });
});

describe("one task", () => {
  test("that asks for a container on a pool without them is accepted, and fails when it runs", async () => {
    const job = await aJob();
    await add(job, { id: "t", commandLine: "", containerSettings: { imageName: "ubuntu" } });
    const { executionInfo } = await completed(job, "t");
    expect(executionInfo).toMatchObject({
      result: "failure",
      failureInfo: { category: "UserError", code: "ContainerPoolNotSupported" },
    });
    expect(executionInfo?.exitCode).toBeUndefined();
  });

  test("that is deleted while it runs is gone at once, with its files and its processes", async () => {
    const job = await aJob();
    await add(job, { id: "t", commandLine: sh("echo $$; exec sleep 60") });
    const pid = await until(
      () => stdout(job, "t").catch(() => ""),
      (output) => output.endsWith("\n"),
    );
    await client.task.deleteMethod(job, "t");
    expect(await codeOf(client.task.get(job, "t"))).toBe("TaskNotFound");
    await until(
      async () => isAlive(Number(pid)),
      (alive) => !alive,
    );
    await add(job, { id: "t", commandLine: sh("ls -A") });
    await completed(job, "t");
    expect(await stdout(job, "t")).toBe("");
  });

  test("runs as one user, as a job's own tasks and a start task do", async () => {
    const job = await aJob();
    const run = { id: "t", commandLine: "true", userIdentity: { userName: "somebody", autoUser: {} } };
    const poolInfo = { poolId: "pool" };
    expect([
      await codeOf(client.task.add(job, run)),
      await codeOf(client.job.add({ id: "no", poolInfo, jobManagerTask: run })),
      await codeOf(client.job.add({ id: "no", poolInfo, jobPreparationTask: run })),
      await codeOf(client.pool.add(aPool("no", { startTask: run }))),
    ]).toEqual(Array(4).fill("InvalidPropertyValue"));
  });

  test("shows while it runs when it started on its node", async () => {
    const job = await aJob();
    await add(job, { id: "t", commandLine: sh("until [ -e $AZ_BATCH_NODE_SHARED_DIR/started ]; do sleep 0.05; done") });
    const running = await until(
      () => client.task.get(job, "t"),
      ({ state, stateTransitionTime: placed, executionInfo }) =>
        state === "running" && Number(executionInfo?.startTime) > Number(placed),
    );
    await add(job, { id: "open", commandLine: sh("touch $AZ_BATCH_NODE_SHARED_DIR/started") });
    expect((await completed(job, "t")).executionInfo?.startTime).toEqual(running.executionInfo?.startTime);
  });

  test("whose retention is over has no files any more; until then it has, and what it has not is not found", async () => {
    const job = await aJob();
    const short = { id: "short", commandLine: "true", constraints: { retentionTime: "PT0.5S" } };
    await add(job, short, { id: "long", commandLine: "true" });
    await Promise.all([completed(job, "short"), completed(job, "long")]);
    await until(
      () => codeOf(client.file.listFromTask(job, "short")),
      (code) => code === "TaskFilesCleanedup",
    );
    expect(await codeOf(client.file.deleteFromTask(job, "short", "stdout.txt"))).toBe("TaskFilesCleanedup");
    expect((await answerOf(`/jobs/${job}/tasks/short/files/stdout.txt`)).code).toBe("TaskFilesCleanedup");
    expect((await answerOf(`/jobs/${job}/tasks/long/files/none.txt`)).code).toBe("FileNotFound");
  });

  test("that failed runs again when it is reactivated, and one that succeeded does not", async () => {
    const job = await aJob();
    await add(job, { id: "t", commandLine: sh(`! ${isFirstTime}`) }, { id: "fine", commandLine: "true" });
    await Promise.all([completed(job, "t"), completed(job, "fine")]);
    expect(await codeOf(client.task.reactivate(job, "fine"))).toBe("TaskSucceeded");
    await client.task.reactivate(job, "t");
    await until(
      () => client.task.get(job, "t"),
      ({ executionInfo }) => executionInfo?.result === "success",
    );
    expect((await client.job.getTaskCounts(job)).taskCounts).toMatchObject({ completed: 2, succeeded: 2, failed: 0 });
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
