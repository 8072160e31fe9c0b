import type { SeriesMetrics, SeriesReport } from "@kyanite/contract";
import { type CsvCell, csvLine } from "../csv.ts";
import { isoTime } from "../time.ts";
import { type SeriesTime, stepsOf } from "./steps.ts";

/** What is known of one metric in one step. */
export interface Point {
  /** The beginning of the step. */
  readonly at: Date;
  /** Of the metric among those that its kind of thing has, from 1 on. */
  readonly place: number;
  readonly count: number;
  readonly total: number;
  readonly lowest: number;
  readonly highest: number;
}

/** The metrics of these names over time: steps without a point are null. */
export function seriesReport(
  time: SeriesTime,
  { names, known, points }: { names: readonly string[]; known: SeriesMetrics; points: readonly Point[] },
): SeriesReport {
  const times = stepsOf(time);
  const places = Object.keys(known);
  const found = pointsByPlace(points);
  const series = names.flatMap((metric) => {
    const info = known[metric];
    if (!info) return [];
    const ofMetric = found.get(places.indexOf(metric) + 1);
    const values = (value: (point: Point) => number) =>
      times.map((at) => {
        const point = ofMetric?.get(at.getTime());
        return point ? rounded(value(point)) : null;
      });
    const figures =
      info.kind === "sum"
        ? { total: values(({ total }) => total) }
        : {
            average: values(({ total, count }) => total / count),
            minimum: values(({ lowest }) => lowest),
            maximum: values(({ highest }) => highest),
          };
    return [{ metric, unit: info.unit, ...figures }];
  });
  return {
    from: isoTime(time.from),
    to: isoTime(time.to),
    stepSeconds: time.stepSeconds,
    times: times.map(isoTime),
    series,
  };
}

/** Samples are kept with seven digits or so: what is behind the third decimal place is noise. */
const rounded = (value: number) => Math.round(value * 1000) / 1000;

function pointsByPlace(points: readonly Point[]): Map<number, Map<number, Point>> {
  const found = new Map<number, Map<number, Point>>();
  for (const point of points) {
    const ofPlace = found.get(point.place) ?? new Map<number, Point>();
    found.set(point.place, ofPlace.set(point.at.getTime(), point));
  }
  return found;
}

/** A line for each step, and a column for each figure of each metric. */
export function seriesCsv({ times, series }: SeriesReport): string {
  const columns = series.flatMap(({ metric, average, minimum, maximum, total }) =>
    Object.entries({ average, minimum, maximum, total }).flatMap(([figure, values]) =>
      values ? [{ head: `${metric}.${figure}`, values }] : [],
    ),
  );
  const rows = times.map((time, index): CsvCell[] => [time, ...columns.map(({ values }) => values[index])]);
  return [["time", ...columns.map(({ head }) => head)], ...rows].map(csvLine).join("");
}
