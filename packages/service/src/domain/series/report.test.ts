import { expect, test } from "vitest";
import { chosenMetrics } from "./metrics.ts";
import { seriesCsv, seriesReport } from "./report.ts";

const known = {
  "nodes.idle": { unit: "count", kind: "level" },
  "nodes.running": { unit: "count", kind: "level" },
  "network.inBytes": { unit: "bytes", kind: "sum" },
} as const;
const from = new Date("2026-01-01T00:00:00Z");
const minute = (minutes: number) => new Date(from.getTime() + 60_000 * minutes);
const report = seriesReport(
  { from, to: minute(12), stepSeconds: 300, source: "fine" },
  {
    names: ["nodes.running", "network.inBytes"],
    known,
    points: [
      { at: minute(0), place: 2, count: 4, total: 10, lowest: 1, highest: 4 },
      { at: minute(0), place: 3, count: 4, total: 800, lowest: 100, highest: 300 },
      { at: minute(10), place: 2, count: 1, total: 0, lowest: 0, highest: 0 },
    ],
  },
);

test("a report has a value for each step, and null where nothing is known", () => {
  expect(report).toEqual({
    from: "2026-01-01T00:00:00Z",
    to: "2026-01-01T00:12:00Z",
    stepSeconds: 300,
    times: ["2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z", "2026-01-01T00:10:00Z"],
    series: [
      { metric: "nodes.running", unit: "count", average: [2.5, null, 0], minimum: [1, null, 0], maximum: [4, null, 0] },
      { metric: "network.inBytes", unit: "bytes", total: [800, null, null] },
    ],
  });
});

test("a figure has three decimal places at most", () => {
  const { series } = seriesReport(
    { from, to: minute(5), stepSeconds: 300, source: "fine" },
    {
      names: ["nodes.idle"],
      known,
      points: [{ at: minute(0), place: 1, count: 3, total: 218.715, lowest: 72.90512084960938, highest: 1954791424 }],
    },
  );
  expect(series[0]).toMatchObject({ average: [72.905], minimum: [72.905], maximum: [1954791424] });
});

test("as CSV it has a line for each step, with nothing where nothing is known", () => {
  expect(seriesCsv(report).split("\r\n")).toEqual([
    "time,nodes.running.average,nodes.running.minimum,nodes.running.maximum,network.inBytes.total",
    "2026-01-01T00:00:00Z,2.5,1,4,800",
    "2026-01-01T00:05:00Z,,,,",
    "2026-01-01T00:10:00Z,0,0,0,",
    "",
  ]);
});

test("metrics are chosen by name or group, in any case, each once", () => {
  expect(chosenMetrics(undefined, known)).toEqual(Object.keys(known));
  expect(chosenMetrics("Nodes,nodes.idle", known)).toEqual(["nodes.idle", "nodes.running"]);
  expect(chosenMetrics(" network.inbytes ,", known)).toEqual(["network.inBytes"]);
  expect(() => chosenMetrics("nodes.id", known)).toThrow(
    expect.objectContaining({ code: "InvalidQueryParameterValue" }),
  );
  expect(() => chosenMetrics("weather", known)).toThrow(
    expect.objectContaining({ values: expect.objectContaining({ QueryParameterName: "metric" }) }),
  );
});
