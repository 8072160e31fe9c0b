import { after } from "../time.ts";

export const fiveMinutes = 300;
export const hour = 3_600;

/** Steps in which samples are kept; `fine` is as they were taken. */
export interface KeptStep {
  readonly name: "fine" | "fiveMinutes" | "hours";
  readonly seconds: number;
  /** For so long. */
  readonly keptSeconds: number;
}

/** The settings that say how samples are kept. */
export interface SampleRetention {
  readonly poolSampleSeconds: number;
  readonly poolSampleHours: number;
  readonly fiveMinuteSampleDays: number;
  readonly hourSampleDays: number;
}

/** Agents' samples of their nodes are kept so long: for two samples of a pool at the longest period. */
export const nodeSampleSeconds = 900;

/** Nodes are sampled whenever their agents tell of them; a step has one sample at least. */
const nodeStepSeconds = 60;

const daySeconds = 86_400;

/** From fine to coarse. */
export function keptSteps(of: "nodes" | "others", retention: SampleRetention): [KeptStep, ...KeptStep[]] {
  const { poolSampleSeconds, poolSampleHours, fiveMinuteSampleDays, hourSampleDays } = retention;
  const fine =
    of === "nodes"
      ? { seconds: nodeStepSeconds, keptSeconds: nodeSampleSeconds }
      : { seconds: poolSampleSeconds, keptSeconds: poolSampleHours * hour };
  return [
    { name: "fine", ...fine },
    { name: "fiveMinutes", seconds: fiveMinutes, keptSeconds: fiveMinuteSampleDays * daySeconds },
    { name: "hours", seconds: hour, keptSeconds: hourSampleDays * daySeconds },
  ];
}

export interface SeriesTime {
  /** The beginning of the first step. */
  readonly from: Date;
  readonly to: Date;
  readonly stepSeconds: number;
  /** From which samples the steps are made. */
  readonly source: KeptStep["name"];
}

/** A day in steps of five minutes. */
const usualSteps = 288;

/**
 * Steps of the length that was asked for, or the next one that can be made of what is kept of that time. They begin at
 * multiples of their length from 1970 on, in UTC, so that each holds whole steps of its source.
 * @param kept from fine to coarse, one at least
 */
export function seriesTime(
  kept: readonly [KeptStep, ...KeptStep[]],
  { from, to, askedSeconds, now }: { from: Date; to: Date; askedSeconds?: number | undefined; now: Date },
): SeriesTime {
  const asked = askedSeconds ?? (to.getTime() - from.getTime()) / 1000 / usualSteps;
  const covering = kept.filter(({ keptSeconds }) => from >= after(now, -keptSeconds));
  const coarsest = kept.at(-1) ?? kept[0];
  const source = covering.findLast(({ seconds }) => seconds <= asked) ?? covering[0] ?? coarsest;
  const stepSeconds = Math.max(1, Math.ceil(asked / source.seconds)) * source.seconds;
  return { from: beginOf(from, stepSeconds), to, stepSeconds, source: source.name };
}

/** The beginning of the step in which an instant is. */
export function beginOf(instant: Date, stepSeconds: number): Date {
  const step = 1000 * stepSeconds;
  return new Date(Math.max(0, Math.floor(instant.getTime() / step) * step));
}

/** The beginnings of all steps. */
export function stepsOf({ from, to, stepSeconds }: SeriesTime): Date[] {
  return Array.from({ length: stepCount({ from, to, stepSeconds }) }, (_, index) => after(from, index * stepSeconds));
}

export function stepCount({ from, to, stepSeconds }: Omit<SeriesTime, "source">): number {
  return Math.ceil((to.getTime() - from.getTime()) / 1000 / stepSeconds);
}
