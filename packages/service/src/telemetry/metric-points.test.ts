import { AggregationTemporality, DataPointType } from "@opentelemetry/sdk-metrics";
import { expect, test } from "vitest";
import { createMetrics } from "../metrics.ts";
import { metricPoints } from "./metric-points.ts";

test("metrics have the same names and values as in /metrics", async () => {
  const metrics = createMetrics(async () => ({ resources: [{ kind: "task", state: "active", total: 7 }], nodes: [] }));
  metrics.onAnswer("Task_Add", 201, 0.003);
  metrics.onAnswer("Task_Add", 201, 0.004);
  metrics.onAnswer("Task_Add", 201, 100);
  metrics.onRefusal("data");
  const period = { begun: new Date(1_000), now: new Date(2_500) };
  const points = new Map(metricPoints(await metrics.collect(), period).map((each) => [each.descriptor.name, each]));
  expect(points.get("kyanite_resources")).toMatchObject({
    dataPointType: DataPointType.GAUGE,
    dataPoints: [{ attributes: { kind: "task", state: "active" }, value: 7, endTime: [2, 500_000_000] }],
  });
  expect(points.get("kyanite_authentication_failures_total")).toMatchObject({
    dataPointType: DataPointType.SUM,
    isMonotonic: true,
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPoints: [{ attributes: { plane: "data" }, value: 1 }],
  });
  expect(points.get("kyanite_request_seconds")).toMatchObject({
    dataPointType: DataPointType.HISTOGRAM,
    dataPoints: [
      {
        attributes: { operation: "Task_Add", status: 201 },
        value: {
          count: 3,
          sum: 100.007,
          buckets: {
            boundaries: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30],
            counts: [0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1],
          },
        },
      },
    ],
  });
});
