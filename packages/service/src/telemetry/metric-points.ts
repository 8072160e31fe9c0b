import { type HrTime, ValueType } from "@opentelemetry/api";
import { AggregationTemporality, type DataPoint, DataPointType, type MetricData } from "@opentelemetry/sdk-metrics";
import type { Collected, CollectedValue } from "../metrics.ts";

/** The time that a metric covers. */
interface Period {
  readonly begun: Date;
  readonly now: Date;
}

/** What `/metrics` has, in the form and under the same names for OpenTelemetry. */
export function metricPoints(collected: readonly Collected[], period: Period): MetricData[] {
  return collected.map((metric) => metricData(metric, period));
}

function metricData({ name, help, type, values }: Collected, period: Period): MetricData {
  const shared = {
    descriptor: { name, description: help, unit: "", valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  const points = () => values.map(({ labels, value }) => point(labels, value, period));
  switch (type) {
    case "histogram":
      return { ...shared, dataPointType: DataPointType.HISTOGRAM, dataPoints: histograms(values, period) };
    case "counter":
      return { ...shared, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints: points() };
    default:
      return { ...shared, dataPointType: DataPointType.GAUGE, dataPoints: points() };
  }
}

type Labels = CollectedValue["labels"];

function point<Value>(labels: Labels, value: Value, { begun, now }: Period): DataPoint<Value> {
  return { startTime: hrTime(begun), endTime: hrTime(now), attributes: { ...labels }, value };
}

function hrTime(instant: Date): HrTime {
  const milliseconds = instant.getTime();
  return [Math.floor(milliseconds / 1000), (milliseconds % 1000) * 1_000_000];
}

function bySeries(values: readonly CollectedValue[]): Map<string, CollectedValue[]> {
  const series = new Map<string, CollectedValue[]>();
  for (const value of values) {
    const { le: _, ...labels } = value.labels;
    const key = JSON.stringify(labels);
    series.set(key, [...(series.get(key) ?? []), value]);
  }
  return series;
}

/** Buckets come with all that is below them, those of one combination of labels in order; here each has its own. */
function histograms(values: readonly CollectedValue[], period: Period) {
  const series = bySeries(values);
  return [...series.values()].map((parts) => {
    const { le: _, ...labels }: Labels = parts[0]?.labels ?? {};
    const part = (ending: string) => parts.find(({ metricName }) => metricName?.endsWith(ending))?.value ?? 0;
    const buckets = parts.filter(({ metricName }) => metricName?.endsWith("_bucket"));
    const counts = buckets.map(({ value }, n) => value - (buckets[n - 1]?.value ?? 0));
    const boundaries = buckets.map(({ labels: { le } }) => Number(le)).filter(Number.isFinite);
    return point(labels, { buckets: { boundaries, counts }, sum: part("_sum"), count: part("_count") }, period);
  });
}
