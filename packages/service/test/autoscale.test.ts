import { BatchServiceClient, BatchSharedKeyCredentials } from "@azure/batch";
import { aPool, batchClient, type RunningService, runningService, send, steadyPool, until } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

let service: RunningService;
let client: BatchServiceClient;

beforeAll(async () => {
  service = await runningService({
    settings: { poolSampleSeconds: 1, sampleSeconds: 1, heartbeatSeconds: 1, nodeSilentSeconds: 30 },
  });
  client = batchClient(service);
});
afterAll(() => service[Symbol.asyncDispose]());

const scaling = (id: string, autoScaleFormula: string, more: object = {}) => {
  const { targetDedicatedNodes: _, ...pool } = aPool(id, { enableAutoScale: true, autoScaleFormula, ...more });
  return pool;
};

/** The code and status with which a request is refused, sent once. */
const post = (path: string, body?: unknown) => send(client, "POST", path, { version: "2022-10-01.16.0", body });

const steady = (id: string) => steadyPool(client, id);

describe("a pool that is added with a formula", () => {
  beforeAll(() => client.pool.add(scaling("added", "// none yet\r\n$TargetDedicatedNodes = 0;\r\n")));

  test("evaluates it inside the request, and shows everything as it was sent", async () => {
    const pool = await client.pool.get("added");
    expect(pool).toMatchObject({
      enableAutoScale: true,
      autoScaleFormula: "// none yet\r\n$TargetDedicatedNodes = 0;\r\n",
      autoScaleEvaluationInterval: "PT15M",
      targetDedicatedNodes: 0,
      autoScaleRun: {
        results: "$TargetDedicatedNodes=0;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue",
      },
    });
    expect(pool.autoScaleRun?.timestamp).toEqual(pool.creationTime);
    expect(pool.autoScaleRun).not.toHaveProperty("statements");
  });

  test("refuses to be resized by hand, and to lose certain nodes", async () => {
    await steady("added");
    for (const [path, body] of [
      ["/pools/added/resize", { targetDedicatedNodes: 1 }],
      ["/pools/added/removenodes", { nodeList: ["x"] }],
    ] as const)
      expect(await post(path, body)).toMatchObject({ status: 409, code: "OperationInvalidForCurrentState" });
  });

  test("takes another formula at once, whose targets are set while the run on show is still the first", async () => {
    const before = await client.pool.get("added");
    await client.pool.enableAutoScale("added", {
      autoScaleFormula: "$TargetDedicated = 1; x = 1;",
      autoScaleEvaluationInterval: "PT7M",
    });
    const pool = await client.pool.get("added");
    expect(pool).toMatchObject({ allocationState: "resizing", targetDedicatedNodes: 1 });
    expect(pool.autoScaleRun).toEqual(before.autoScaleRun);
    expect(pool.autoScaleEvaluationInterval).toBe("PT7M");
    expect(pool.eTag).not.toBe(before.eTag);
    const { body } = await send(client, "GET", "/pools/added/autoscaleruns");
    expect(body).toMatchObject({
      value: [
        {
          trigger: "enable",
          results: expect.stringContaining(";x=1"),
          statements: [{}, { text: "x = 1", value: "1" }],
        },
        { trigger: "create" },
      ],
    });
  });

  test("refuses to be told again within 30 seconds", async () => {
    const { account, url } = service;
    const credentials = new BatchSharedKeyCredentials(account.name, account.key);
    const impatient = new BatchServiceClient(credentials, url, { noRetryPolicy: true });
    await expect(
      impatient.pool.enableAutoScale("added", { autoScaleFormula: "$TargetDedicatedNodes = 2;" }),
    ).rejects.toMatchObject({ statusCode: 503, code: "TooManyEnableAutoScaleRequests" });
    expect((await client.pool.get("added")).targetDedicatedNodes).toBe(1);
  });
});

describe("what cannot be a pool with autoscale is refused", () => {
  test.each([
    [{ autoScaleFormula: "$TargetDedicatedNodes = 5 % 3;" }, "AutoScalingFormulaSyntaxError"],
    [{ autoScaleFormula: "$TargetDedicatedNodes = (3" }, "AutoScalingFormulaSyntaxError"],
    [{ autoScaleFormula: "x".repeat(8193) }, "AutoScalingFormulaTooLong"],
    [{ autoScaleFormula: undefined }, "InvalidAutoScalingSettings"],
    [{ autoScaleFormula: "a=1", autoScaleEvaluationInterval: "PT1M" }, "InvalidPropertyValue"],
    [{ autoScaleFormula: "a=1", autoScaleEvaluationInterval: "PT169H" }, "InvalidPropertyValue"],
    [{ autoScaleFormula: "a=1", targetDedicatedNodes: 1 }, "InvalidPropertyValue"],
  ])("%j", async (settings, code) => {
    expect(await post("/pools", { ...scaling("refused", "a=1"), ...settings })).toMatchObject({ status: 400, code });
  });

  test("nothing of it is stored", async () => {
    expect(await send(client, "GET", "/pools/refused")).toMatchObject({ status: 404 });
  });
});

describe("a pool of two nodes that is resized by hand", () => {
  beforeAll(async () => {
    await client.pool.add(aPool("manual", { targetDedicatedNodes: 2 }));
    await steady("manual");
  });

  test("has no formula to evaluate", async () => {
    for (const [action, body] of [
      ["evaluateautoscale", { autoScaleFormula: "a=1" }],
      ["runautoscale", undefined],
    ] as const)
      expect(await post(`/pools/manual/${action}`, body)).toMatchObject({
        status: 409,
        code: "OperationInvalidForCurrentState",
      });
  });

  test.each([
    [{}, "InvalidAutoScalingSettings"],
    [{ autoScaleFormula: "" }, "InvalidAutoScalingSettings"],
    [{ autoScaleFormula: "a=(" }, "AutoScalingFormulaSyntaxError"],
    [{ autoScaleFormula: "a=1", autoScaleEvaluationInterval: "PT1M" }, "InvalidPropertyValue"],
  ])("is not turned on by %j", async (body, code) => {
    expect(await post("/pools/manual/enableautoscale", body)).toMatchObject({ status: 400, code });
    expect((await client.pool.get("manual")).enableAutoScale).toBe(false);
  });

  test("keeps its nodes when it begins to scale by itself, and is resizing at once", async () => {
    await client.pool.enableAutoScale("manual", { autoScaleFormula: "a = $CurrentDedicatedNodes;" });
    const pool = await client.pool.get("manual");
    expect(pool).toMatchObject({ enableAutoScale: true, allocationState: "resizing", targetDedicatedNodes: 2 });
    expect(pool.autoScaleRun?.results).toMatch(/;a=2$/);
    expect(pool.autoScaleRun?.timestamp).toEqual(pool.lastModified);
    await steady("manual");
  });

  test("a formula is tried without effect, and what fails is an error of the run", async () => {
    const tried = await client.pool.evaluateAutoScale("manual", "$TargetDedicatedNodes = 9; b = rand() < 2;");
    expect(tried.results).toBe("$TargetDedicatedNodes=9;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue;b=1");
    for (const [formula, code] of [
      ["$something_useless", "AutoScalingFormulaEvaluationError"],
      ["$TargetDedicatedNodes = (3", "AutoScalingFormulaSyntaxError"],
      ["$TargetDedicatedNodes = 9; x=$RunningTasks.GetSample(TimeInterval_Day, 100);", "InsufficientSampleData"],
    ] as const) {
      const failed = await client.pool.evaluateAutoScale("manual", formula);
      expect(failed.error?.code).toBe(code);
      expect(failed.results).toBe("$TargetDedicatedNodes=2;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue");
    }
    expect((await client.pool.get("manual")).targetDedicatedNodes).toBe(2);
  });

  test("the samples are of real nodes and real tasks", async () => {
    const answer = await until(
      () => post("/pools/manual/evaluateautoscale", { autoScaleFormula: realSamples }),
      ({ body }) => JSON.stringify(body).includes(";b=2;c=2;"),
    );
    if (!isTrace(answer.body)) throw new Error("no statements in the answer");
    const { results, statements } = answer.body;
    const values = Object.fromEntries(results.split(";").map((entry) => entry.split("=")));
    expect(Number(values.d)).toBeGreaterThan(0);
    expect(Number(values.e)).toBeGreaterThan(0);
    expect(Number(values.f)).toBeGreaterThanOrEqual(0);
    expect(Number(values.f)).toBeLessThanOrEqual(1);
    expect(statements).toHaveLength(6);
    expect(statements[0]).toMatchObject({
      line: 1,
      value: "1",
      samples: [{ variable: "$UsableNodeCount", method: "Count", count: 0 }],
    });
  });

  test("does what it is told when autoscale is off again", async () => {
    await client.pool.disableAutoScale("manual");
    const pool = await client.pool.get("manual");
    expect(pool).toMatchObject({ enableAutoScale: false, targetDedicatedNodes: 2, currentDedicatedNodes: 2 });
    for (const name of ["autoScaleFormula", "autoScaleEvaluationInterval", "autoScaleRun"] as const)
      expect(pool[name]).toBeUndefined();
    await client.pool.resize("manual", { targetDedicatedNodes: 0 });
    await steady("manual");
  });
});

const realSamples = [
  "a = $UsableNodeCount.Count() > 0;",
  "b = val($CurrentDedicatedNodes.GetSample(1), 0);",
  "c = max($SampleNodeCount.GetSample(10));",
  "d = max($MemoryBytes.GetSample(10));",
  "e = max($DiskBytes.GetSample(10));",
  "f = max($CPUPercent.GetSample(10));",
].join("\n");

interface Trace {
  readonly results: string;
  readonly statements: readonly object[];
}

const isTrace = (body: unknown): body is Trace =>
  typeof body === "object" && body !== null && "results" in body && "statements" in body;
