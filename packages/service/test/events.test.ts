import {
  aPool,
  metricsToken,
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

interface Event {
  readonly id: string;
  readonly kind: string;
  readonly resource: Readonly<Record<string, string>>;
  readonly state?: string;
  readonly previousState?: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

interface EventPage {
  readonly value: readonly Event[];
  readonly "odata.nextLink"?: string;
  readonly cursor?: string;
}

async function read(query: Readonly<Record<string, string | number>> = {}): Promise<EventPage> {
  const answer = await call("GET", "/kyanite/events", { query });
  expect(answer.status, answer.text).toBe(200);
  return JSON.parse(answer.text);
}

const kindsOf = (page: EventPage) => page.value.map(({ kind }) => kind);

test("a task's life is in the feed, with the documented events in it", async () => {
  await call("POST", "/pools", { body: aPool("life") });
  await call("POST", "/jobs", { body: { id: "life", poolInfo: { poolId: "life" } } });
  await call("POST", "/jobs/life/tasks", { body: { id: "good", commandLine: "/bin/true" } });
  await call("POST", "/jobs/life/tasks", {
    body: { id: "bad", commandLine: "/bin/false", constraints: { maxTaskRetryCount: 1 } },
  });
  const ofTask = (taskId: string) => read({ jobId: "life", taskId });
  await until(
    () => ofTask("good"),
    (page) => kindsOf(page).includes("TaskCompleteEvent"),
  );
  const bad = await until(
    () => ofTask("bad"),
    (page) => kindsOf(page).includes("TaskFailEvent"),
  );
  expect(kindsOf(await ofTask("good"))).toEqual([
    "task.created",
    "task.running",
    "TaskStartEvent",
    "task.completed",
    "TaskCompleteEvent",
  ]);
  expect(kindsOf(bad)).toEqual([
    "task.created",
    "task.running",
    "TaskStartEvent",
    "task.running",
    "TaskStartEvent",
    "task.completed",
    "TaskCompleteEvent",
    "TaskFailEvent",
  ]);
  const nodeId = expect.stringMatching(/^tvm/);
  const common = {
    jobId: "life",
    id: "bad",
    taskType: "User",
    systemTaskVersion: 0,
    requiredSlots: 1,
    nodeInfo: { poolId: "life", nodeId },
    multiInstanceSettings: { numberOfInstances: 1 },
    constraints: { maxTaskRetryCount: 1 },
  };
  const starts = bad.value.filter(({ kind }) => kind === "TaskStartEvent");
  expect(starts.map(({ properties }) => properties)).toEqual([
    { ...common, executionInfo: { retryCount: 0 } },
    { ...common, executionInfo: { retryCount: 1 } },
  ]);
  const isoTime = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(bad.value.at(-1)?.properties).toEqual({
    ...common,
    executionInfo: {
      startTime: isoTime,
      endTime: isoTime,
      exitCode: 1,
      retryCount: 1,
      requeueCount: 0,
      result: "Failure",
      schedulingError: {
        category: "UserError",
        code: "FailureExitCode",
        message: expect.any(String),
        details: [{ name: "Message", value: expect.any(String) }],
      },
    },
  });
  expect(bad.value[0]?.resource).toMatchObject({ type: "task", path: "/jobs/life/tasks/bad", jobId: "life" });
});

test("a pool's and its node's lives are in the feed, with the documented events", async () => {
  await call("POST", "/pools", { body: aPool("p", { displayName: "Shown" }) });
  const ofPool = () => read({ poolId: "p" });
  await until(
    ofPool,
    (page) => kindsOf(page).includes("PoolResizeCompleteEvent") && kindsOf(page).includes("node.idle"),
  );
  await call("DELETE", "/pools/p");
  const page = await until(ofPool, (each) => kindsOf(each).includes("PoolDeleteCompleteEvent"), 60);
  const documented = page.value.filter(({ kind }) => kind.startsWith("Pool"));
  const nodes = {
    currentDedicatedNodes: 0,
    targetDedicatedNodes: 1,
    currentLowPriorityNodes: 0,
    targetLowPriorityNodes: 0,
  };
  const common = { id: "p", nodeDeallocationOption: "invalid", enableAutoScale: false, isAutoPool: false };
  const isoTime = expect.stringMatching(/Z$/);
  expect(documented.map(({ kind, properties }) => ({ kind, properties }))).toEqual([
    {
      kind: "PoolCreateEvent",
      properties: {
        id: "p",
        displayName: "Shown",
        vmSize: "standard_d2s_v3",
        imageType: "VirtualMachineConfiguration",
        virtualMachineConfiguration: {
          imageReference: {
            publisher: "canonical",
            offer: "0001-com-ubuntu-server-jammy",
            sku: "22_04-lts",
            version: "latest",
          },
          nodeAgentId: "batch.node.ubuntu 22.04",
        },
        networkConfiguration: { subnetId: "" },
        resizeTimeout: "900000",
        targetDedicatedNodes: 1,
        targetLowPriorityNodes: 0,
        taskSlotsPerNode: 1,
        vmFillType: "Spread",
        enableAutoScale: false,
        enableInterNodeCommunication: false,
        isAutoPool: false,
      },
    },
    { kind: "PoolResizeStartEvent", properties: { ...common, ...nodes } },
    {
      kind: "PoolResizeCompleteEvent",
      properties: {
        ...common,
        ...nodes,
        currentDedicatedNodes: 1,
        startTime: isoTime,
        endTime: isoTime,
        resultCode: "Success",
        resultMessage: "The operation succeeded",
      },
    },
    { kind: "PoolDeleteStartEvent", properties: { id: "p" } },
    { kind: "PoolDeleteCompleteEvent", properties: { id: "p", startTime: isoTime, endTime: isoTime } },
  ]);
  const states = page.value.filter(({ kind }) => kind.startsWith("node.")).map(({ kind }) => kind);
  expect(states.slice(0, 2)).toEqual(["node.created", "node.idle"]);
  expect(states.slice(-2)).toEqual(["node.leavingpool", "node.deleted"]);
});

test("/metrics counts a pool's events by the names that Azure Monitor has for them", async () => {
  const page = async () =>
    (await fetch(`${service.url}/metrics`, { headers: { authorization: `Bearer ${metricsToken}` } })).text();
  const kinds = ["PoolCreateEvent", "PoolResizeStartEvent", "PoolResizeCompleteEvent", "PoolDeleteCompleteEvent"];
  const text = await until(page, (found) => kinds.every((kind) => found.includes(`event="${kind}"`)));
  expect(text).toMatch(/kyanite_service_events_total\{account="test",event="PoolDeleteCompleteEvent"\} [1-9]/);
});

test("a task that its node cannot take, and a formula's evaluation, are in the feed as documented", async () => {
  const formula = "$TargetDedicatedNodes=1;";
  const { targetDedicatedNodes: _, ...pool } = aPool("scaled", { enableAutoScale: true, autoScaleFormula: formula });
  expect(await call("POST", "/pools", { body: pool })).toMatchObject({ status: 201 });
  const body = {
    id: "unprepared",
    poolInfo: { poolId: "scaled" },
    jobPreparationTask: { commandLine: "/bin/false", waitForSuccess: true },
  };
  expect(await call("POST", "/jobs", { body })).toMatchObject({ status: 201 });
  await call("POST", "/jobs/unprepared/tasks", { body: { id: "t", commandLine: "/bin/true" } });
  const scaled = await until(
    () => read({ poolId: "scaled", kind: "PoolAutoScaleEvent" }),
    ({ value }) => value.length > 0,
    60,
  );
  expect(scaled.value[0]).toMatchObject({
    resource: { type: "pool", path: "/pools/scaled" },
    properties: {
      id: "scaled",
      formula,
      results: expect.stringContaining("$TargetDedicatedNodes=1"),
      error: { code: "", message: "", values: [] },
      timestamp: expect.stringMatching(/Z$/),
    },
  });
  const failed = await until(
    () => read({ jobId: "unprepared", kind: "TaskScheduleFailEvent" }),
    ({ value }) => value.length > 0,
    60,
  );
  expect(failed.value[0]).toMatchObject({
    resource: { type: "task", path: "/jobs/unprepared/tasks/t" },
    properties: {
      jobId: "unprepared",
      id: "t",
      taskType: "User",
      requiredSlots: 1,
      nodeInfo: { poolId: "scaled" },
      schedulingError: { category: "ServerError", code: "Unknown" },
    },
  });
  await call("DELETE", "/jobs/unprepared");
  await call("DELETE", "/pools/scaled");
});

test("a task's token reads the feed of its own job, whatever it asks for", async () => {
  await call("POST", "/pools", { body: aPool("tokens") });
  await call("POST", "/jobs", { body: { id: "elsewhere", poolInfo: { poolId: "none" } } });
  await call("POST", "/jobs", { body: { id: "inside", poolInfo: { poolId: "tokens" } } });
  const get = (more: string) =>
    `curl -s -H "authorization: Bearer $AZ_BATCH_AUTHENTICATION_TOKEN" "$AZ_BATCH_ACCOUNT_URL/kyanite/events?api-version=2024-07-01.20.0${more}"`;
  // What has been written just now may take a second to be in the feed.
  const whenThere = `until ${get("&kind=job.created")} >own; grep -q job.created own; do sleep 0.2; done`;
  const script = `${whenThere}; cat own; echo; ${get("&jobId=elsewhere")}`;
  const body = {
    id: "t",
    commandLine: `/bin/sh -c '${script}'`,
    authenticationTokenSettings: { access: ["job"] },
  };
  expect(await call("POST", "/jobs/inside/tasks", { body })).toMatchObject({ status: 201 });
  const { text } = await until(
    () => call("GET", "/jobs/inside/tasks/t/files/stdout.txt"),
    ({ text }) => text.trim().split("\n").length === 2,
    60,
  );
  const [own, others] = text.split("\n").map((line) => JSON.parse(line));
  expect(own.value.map(({ resource }: Event) => resource.jobId)).toEqual(["inside"]);
  expect(others).toMatchObject({ code: "InsufficientAccountPermissions" });
  await call("DELETE", "/jobs/inside");
  await call("DELETE", "/pools/tokens");
});

test("pages follow each other without a gap, and the last one says where to go on", async () => {
  await call("POST", "/jobs", { body: { id: "pages", poolInfo: { poolId: "none" } } });
  const value = Array.from({ length: 25 }, (_, n) => ({ id: `t${n}`, commandLine: "x" }));
  await call("POST", "/jobs/pages/addtaskcollection", { body: { value } });
  await until(
    () => read({ jobId: "pages" }),
    (page) => page.value.length === 26,
  );
  const ids: string[] = [];
  let page = await read({ jobId: "pages", maxresults: 10 });
  for (;;) {
    ids.push(...page.value.map(({ resource }) => resource.taskId ?? ""));
    const link = page["odata.nextLink"];
    if (link === undefined) break;
    const { pathname, search } = new URL(link);
    page = JSON.parse((await call("GET", pathname + search, { version: null })).text);
  }
  expect(ids).toEqual(["", ...value.map(({ id }) => id)]);
  const after = page.cursor ?? "";
  expect((await read({ jobId: "pages", after })).value).toEqual([]);
  await call("DELETE", "/jobs/pages/tasks/t3");
  const later = await until(
    () => read({ jobId: "pages", after }),
    (each) => each.value.length > 0,
  );
  expect(kindsOf(later)).toEqual(["task.deleted"]);
});

test("a cursor that is none, or of a future, is refused and says so", async () => {
  for (const [query, code] of [
    [{ after: "x" }, "InvalidQueryParameterValue"],
    [{ after: "999999999" }, "InvalidQueryParameterValue"],
    [{ kind: "a b" }, "InvalidQueryParameterValue"],
    [{ kind: "task.*,task.compleeted" }, "InvalidQueryParameterValue"],
    [{ from: "yesterday" }, "InvalidQueryParameterValue"],
  ] as const) {
    const answer = await call("GET", "/kyanite/events", { query });
    expect({ status: answer.status, code: answer.json }).toMatchObject({ status: 400, code: { code } });
  }
});

test("events from a time on are found", async () => {
  const { value } = await read({ jobId: "life", taskId: "good" });
  const from = new Date().toISOString();
  await call("POST", "/jobs", { body: { id: "now", poolInfo: { poolId: "none" } } });
  const page = await until(
    () => read({ from }),
    (each) => kindsOf(each).includes("job.created"),
  );
  expect(page.value.map(({ id }) => id)).not.toContain(value[0]?.id);
  expect(page.value.every(({ resource }) => resource.jobId === "now")).toBe(true);
});
