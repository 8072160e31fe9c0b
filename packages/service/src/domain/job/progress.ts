import type { JobProgress, JobState } from "@kyanite/contract";
import { beginOf } from "../series/steps.ts";
import { after, isoTime } from "../time.ts";

/** How many tasks of a job were complete at a moment. */
export interface CompletedAt {
  readonly at: Date;
  readonly completed: number;
}

export interface ProgressFacts {
  readonly job: { readonly state: JobState; readonly creationTime: Date; readonly endTime: Date | null };
  readonly counts: { readonly active: number; readonly running: number; readonly completed: number };
  /** The last samples in which the job was elsewhere than before, in the order of time. */
  readonly samples: readonly CompletedAt[];
  /** Nodes of its pool that take tasks. */
  readonly usableNodes: number;
}

interface Interval {
  readonly seconds: number;
  readonly completed: number;
}

/** Nine of ten values of a normal distribution are nearer to its middle than so many standard deviations. */
const ninetyPercent = 1.645;

export function throughput({ job, counts, samples }: ProgressFacts, now: Date): JobProgress["throughput"] {
  const recent = sumOf(intervalsOf({ job, counts, samples }, now));
  const seconds = (job.endTime ?? now).getTime() / 1000 - job.creationTime.getTime() / 1000;
  return {
    recent: rateOf(recent),
    ...(recent.seconds > 0 && { recentSeconds: recent.seconds }),
    whole: rateOf({ seconds, completed: counts.completed }),
  };
}

/** When all tasks that there are will be complete, at the rate at which they recently were. */
export function estimate(facts: ProgressFacts, now: Date): JobProgress["estimate"] {
  const { counts } = facts;
  const left = counts.active + counts.running;
  const unknown = reasonNot(facts);
  if (unknown) return { endTime: null, ...unknown };
  const intervals = intervalsOf(facts, now);
  const rate = rateOf(sumOf(intervals));
  if (rate === null)
    return { endTime: null, reason: "nothingCompleted", text: "No task has completed lately, so there is no rate." };
  const deviation = deviationOf(intervals, rate);
  const slowest = rate - ninetyPercent * deviation;
  const endAt = (tasksPerSecond: number) => isoTime(after(now, left / tasksPerSecond));
  const perMinute = (60 * rate).toPrecision(3);
  return {
    endTime: endAt(rate),
    earliest: endAt(rate + ninetyPercent * deviation),
    ...(slowest > 0 && { latest: endAt(slowest) }),
    text: `${left} tasks are left. It is assumed that ${perMinute} complete in a minute, as recently, and that none are added.`,
  };
}

function reasonNot({ job, counts, usableNodes }: ProgressFacts) {
  const left = counts.active + counts.running;
  if (job.state === "completed") return { reason: "jobCompleted", text: "The job has completed." } as const;
  if (left + counts.completed === 0) return { reason: "noTasks", text: "The job has no tasks." } as const;
  if (left === 0) return { reason: "allCompleted", text: "All tasks of the job have completed." } as const;
  if (job.state !== "active" && counts.running === 0)
    return { reason: "jobDisabled", text: `The job is ${job.state}: no task starts until it is active.` } as const;
  if (usableNodes === 0 && counts.running === 0)
    return { reason: "noNodes", text: "The pool of the job has no node that takes tasks." } as const;
  if (counts.completed === 0)
    return { reason: "nothingCompleted", text: "No task has completed yet, so there is no rate." } as const;
  return undefined;
}

/** The time between samples, and since the last one; from the beginning of the job where there are few. */
function intervalsOf({ job, counts, samples }: Omit<ProgressFacts, "usableNodes">, now: Date): Interval[] {
  const last = { at: job.endTime ?? now, completed: counts.completed };
  const moments = [...(samples.length > 1 ? samples : [{ at: job.creationTime, completed: 0 }, ...samples]), last];
  return moments.slice(1).flatMap(({ at, completed }, index) => {
    const before = moments[index];
    const seconds = before ? (at.getTime() - before.at.getTime()) / 1000 : 0;
    // Tasks that are deleted or run again make it less.
    return before && seconds > 0 ? [{ seconds, completed: Math.max(0, completed - before.completed) }] : [];
  });
}

const sumOf = (intervals: readonly Interval[]): Interval => ({
  seconds: intervals.reduce((sum, { seconds }) => sum + seconds, 0),
  completed: intervals.reduce((sum, { completed }) => sum + completed, 0),
});

const rateOf = ({ seconds, completed }: Interval) => (completed > 0 && seconds > 0 ? completed / seconds : null);

/**
 * The standard deviation of a rate, from how it differed between the intervals, which count by their length; and no less
 * than that of tasks that complete independently of each other.
 */
function deviationOf(intervals: readonly Interval[], rate: number): number {
  const { seconds } = sumOf(intervals);
  const independent = Math.sqrt(rate / seconds);
  if (intervals.length < 2) return independent;
  const spread = intervals.reduce((sum, each) => sum + each.seconds * (each.completed / each.seconds - rate) ** 2, 0);
  return Math.max(independent, Math.sqrt(spread / seconds / (intervals.length - 1)));
}

/**
 * How many tasks completed in each step, from the most that were complete in it; steps in which the job came no further
 * have none. The last step has what was complete at the end.
 * @param isWhole whether the first step is that in which the job was made
 */
export function completedInSteps(
  steps: readonly Date[],
  {
    known,
    last,
    stepSeconds,
    isWhole,
  }: {
    readonly known: readonly CompletedAt[];
    readonly last: number;
    readonly stepSeconds: number;
    readonly isWhole: boolean;
  },
): (number | null)[] {
  const byStep = new Map(known.map(({ at, completed }) => [beginOf(at, stepSeconds).getTime(), completed]));
  let before = isWhole ? 0 : undefined;
  return steps.map((step, index) => {
    const completed = index === steps.length - 1 ? last : byStep.get(step.getTime());
    const more = completed === undefined ? 0 : completed - (before ?? completed);
    const isKnown = before !== undefined;
    before = completed ?? before;
    return isKnown ? Math.max(0, more) : null;
  });
}
