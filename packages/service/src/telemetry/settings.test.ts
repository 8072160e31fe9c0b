import { expect, test } from "vitest";
import { readTelemetry } from "./settings.ts";

const OTEL_EXPORTER_OTLP_ENDPOINT = "http://localhost:4318";

test.each([
  ["nothing is told without a collector", { OTEL_SERVICE_NAME: "kyanite" }, undefined],
  ["all is told to a collector", { OTEL_EXPORTER_OTLP_ENDPOINT }, { traces: true, metrics: true }],
  ["or nothing", { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SDK_DISABLED: "true" }, undefined],
  ["or only metrics", { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_EXPORTER: "none" }, { traces: false, metrics: true }],
  [
    "or only traces, which have a collector of their own",
    { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://localhost:4318/v1/traces" },
    { traces: true, metrics: false },
  ],
])("%s", (_, env, expected) => {
  const problems: string[] = [];
  expect(readTelemetry(env, problems)).toEqual(expected && { ...expected, metricMilliseconds: 60_000 });
  expect(problems).toEqual([]);
});

test("what cannot be done is a problem, not ignored", () => {
  const problems: string[] = [];
  readTelemetry(
    {
      OTEL_EXPORTER_OTLP_ENDPOINT,
      OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
      OTEL_TRACES_EXPORTER: "zipkin",
      OTEL_METRIC_EXPORT_INTERVAL: "soon",
    },
    problems,
  );
  expect(problems.map((problem) => problem.split(":")[0])).toEqual([
    "OTEL_TRACES_EXPORTER",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_METRIC_EXPORT_INTERVAL",
  ]);
});
