import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import {
  aPool,
  batchClient,
  type RunningService,
  rawClient,
  runningService,
  storageContainer,
  until,
} from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { spanIdOfRun } from "../../src/domain/trace/trace-context.ts";

interface ReceivedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly from: bigint;
  readonly to: bigint;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly failure: string | undefined;
}

/** A collector of OpenTelemetry that keeps what it is sent. */
async function startCollector() {
  const bodies: { readonly path: string; readonly body: string }[] = [];
  const server = createServer(async (request, response) => {
    bodies.push({ path: request.url ?? "", body: await text(request) });
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const parsed = (path: string) => bodies.filter((each) => each.path === path).map(({ body }) => JSON.parse(body));
  return {
    url: `http://127.0.0.1:${port}`,
    everything: () => bodies.map(({ body }) => body).join("\n"),
    spans: (): ReceivedSpan[] =>
      parsed("/v1/traces")
        .flatMap(({ resourceSpans }) => resourceSpans)
        .flatMap(({ scopeSpans }) => scopeSpans)
        .flatMap(({ spans }) => spans)
        .map(receivedSpan),
    services: () =>
      parsed("/v1/traces")
        .flatMap(({ resourceSpans }) => resourceSpans)
        .map(({ resource }) => factsOf(resource.attributes)["service.name"]),
    metricNames: (): string[] =>
      parsed("/v1/metrics")
        .flatMap(({ resourceMetrics }) => resourceMetrics)
        .flatMap(({ scopeMetrics }) => scopeMetrics)
        .flatMap(({ metrics }) => metrics)
        .map(({ name }) => name),
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

function receivedSpan(span: Readonly<Record<string, unknown>>): ReceivedSpan {
  const { name, traceId, spanId, parentSpanId, startTimeUnixNano, endTimeUnixNano, attributes, status } = span;
  return {
    name: String(name),
    traceId: String(traceId),
    spanId: String(spanId),
    parentSpanId: parentSpanId === undefined ? undefined : String(parentSpanId),
    from: BigInt(String(startTimeUnixNano)),
    to: BigInt(String(endTimeUnixNano)),
    facts: factsOf(attributes),
    failure: Object(status).message,
  };
}

function factsOf(attributes: unknown): Record<string, unknown> {
  const list: { key: string; value: object }[] = Array.isArray(attributes) ? attributes : [];
  return Object.fromEntries(list.map(({ key, value }) => [key, Object.values(value)[0]]));
}

let collector: Awaited<ReturnType<typeof startCollector>>;
let service: RunningService;

const traceId = "0af7651916cd43dd8448eb211c80319c";
const clientSpan = "b7ad6b7169203331";
const traceparent = `00-${traceId}-${clientSpan}-01`;
const signature = "sv=2026-01-01&sig=VERYSECRETSIGNATURE";

beforeAll(async () => {
  collector = await startCollector();
  vi.stubEnv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url);
  vi.stubEnv("OTEL_RESOURCE_ATTRIBUTES", "service.name=batch-of-ours");
  vi.stubEnv("OTEL_BSP_SCHEDULE_DELAY", "100");
  service = await runningService({ telemetry: { traces: true, metrics: true, metricMilliseconds: 200 } });
  await batchClient(service).pool.add({ ...aPool("pool"), targetDedicatedNodes: 1 });
  await rawClient(service)("POST", "/jobs", { body: { id: "job", poolInfo: { poolId: "pool" } } });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await collector.close();
  vi.unstubAllEnvs();
});

const spanNamed = (name: string, spans = collector.spans()) =>
  spans.filter((span) => span.traceId === traceId && span.name === name);

describe("a task that was added with a traceparent", () => {
  let spans: readonly ReceivedSpan[];

  beforeAll(async () => {
    const outputs = await storageContainer(service, "traced");
    await outputs.upload("input.txt", "input");
    await rawClient(service)("POST", "/jobs/job/tasks", {
      headers: { traceparent },
      body: {
        id: "task",
        commandLine: "/bin/sh -c 'echo $TRACEPARENT; echo TOPSECRETWORD; exit 3'",
        environmentSettings: [{ name: "PASSWORD", value: "hunter2" }],
        resourceFiles: [{ httpUrl: outputs.urlOf("input.txt"), filePath: "input.txt" }],
        outputFiles: [
          {
            filePattern: "../std*.txt",
            destination: { container: { containerUrl: outputs.url } },
            uploadOptions: { uploadCondition: "taskcompletion" },
          },
        ],
      },
    });
    await until(
      async () => spanNamed("upload"),
      (found) => found.length > 0,
      60,
    );
    spans = collector.spans().filter((span) => span.traceId === traceId);
  }, 120_000);

  test("is one trace: the request, its placement, the run and the steps of that", () => {
    expect(spans.map(({ name }) => name).toSorted()).toEqual(
      ["Task_Add", "placement", "run", "directories", "packages", "downloads", "command", "upload"].toSorted(),
    );
    const [request] = spanNamed("Task_Add");
    const [run] = spanNamed("run");
    expect(request?.parentSpanId).toBe(clientSpan);
    expect(spanNamed("placement")[0]?.parentSpanId).toBe(request?.spanId);
    expect(run?.parentSpanId).toBe(request?.spanId);
    expect(run?.spanId).toBe(spanIdOfRun(String(run?.facts["kyanite.run.id"])));
    for (const step of ["directories", "packages", "downloads", "command", "upload"])
      expect(spanNamed(step)[0]?.parentSpanId).toBe(run?.spanId);
  });

  test("with times in their order", () => {
    const inOrder = ["placement", "directories", "packages", "downloads", "command", "upload"].map(
      (name) => spanNamed(name)[0],
    );
    for (const [n, span] of inOrder.entries()) {
      expect(Number(span?.to)).toBeGreaterThanOrEqual(Number(span?.from));
      // What is placed begins when its agent hears of it, by whose clock the steps are.
      if (n > 1) expect(Number(span?.from)).toBeGreaterThanOrEqual(Number(inOrder[n - 1]?.to));
    }
  });

  test("with what it was and how it ended", () => {
    expect(spanNamed("run")[0]).toMatchObject({
      failure: "FailureExitCode",
      facts: {
        "kyanite.job.id": "job",
        "kyanite.task.id": "task",
        "kyanite.pool.id": "pool",
        "kyanite.run.outcome": "exited",
      },
    });
    expect(Number(spanNamed("run")[0]?.facts["process.exit.code"])).toBe(3);
    expect(spanNamed("Task_Add")[0]?.facts).toMatchObject({
      "url.path": "/jobs/job/tasks",
      "http.request.method": "POST",
    });
    expect(new Set(collector.services())).toEqual(new Set(["batch-of-ours"]));
  });

  test("hands the trace on to its command", async () => {
    const { text: output } = await rawClient(service)("GET", "/jobs/job/tasks/task/files/stdout.txt");
    expect(output.split("\n")[0]).toBe(`00-${traceId}-${spanNamed("run")[0]?.spanId}-01`);
  });

  test("and tells no command, no setting and no signature", async () => {
    await rawClient(service)("GET", `/jobs?${signature}`);
    await until(
      async () => collector.spans(),
      (found) => found.some(({ facts }) => facts["url.path"] === "/jobs" && facts["http.request.method"] === "GET"),
    );
    expect(collector.everything()).not.toMatch(/hunter2|TOPSECRETWORD|VERYSECRETSIGNATURE|sig=|SharedKey|Bearer/);
  });
});

test("a task whose request came without a traceparent belongs to the trace of that request", async () => {
  await rawClient(service)("POST", "/jobs/job/tasks", { body: { id: "plain", commandLine: "/bin/true" } });
  const [run] = await until(
    async () => collector.spans().filter(({ name, facts }) => name === "run" && facts["kyanite.task.id"] === "plain"),
    (found) => found.length > 0,
    60,
  );
  const request = collector.spans().find(({ spanId }) => spanId === run?.parentSpanId);
  expect(request).toMatchObject({ name: "Task_Add", traceId: run?.traceId, parentSpanId: undefined });
});

test("one whose client does not keep its trace is in none, and its command is told of none", async () => {
  const unkept = `00-${"1".repeat(32)}-${clientSpan}-00`;
  const add = rawClient(service);
  await add("POST", "/jobs/job/tasks", {
    headers: { traceparent: unkept },
    body: { id: "unkept", commandLine: "/bin/sh -c 'echo [$TRACEPARENT]'" },
  });
  await until(
    () => add("GET", "/jobs/job/tasks/unkept"),
    ({ json }) => Object(json).state === "completed",
    60,
  );
  expect((await add("GET", "/jobs/job/tasks/unkept/files/stdout.txt")).text).toBe("[]\n");
});

test("the collector is told the metrics under the names of /metrics", async () => {
  const names = await until(
    async () => new Set(collector.metricNames()),
    (found) => found.has("kyanite_request_seconds"),
  );
  const page = await fetch(`${service.url}/metrics`, { headers: { authorization: "Bearer metrics" } });
  const shown = [...(await page.text()).matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name);
  expect([...names].toSorted()).toEqual(shown.toSorted());
});
