import { addedUse } from "../task/resource-use.ts";
import type { Task } from "../task/task.ts";

/** What a run adds to what its account has used on a day. */
export interface RunTime {
  readonly jobPk: number;
  readonly nodePk: number | null;
  /** In UTC. */
  readonly day: string;
  /** Time of the slots that it took. */
  readonly slotSeconds: number;
  readonly runSeconds: number;
  readonly cpuSeconds: number;
  readonly succeeded: number;
  readonly failed: number;
}

const dayMilliseconds = 86_400_000;
/** A task that ran for longer has the rest on the last of them. */
const mostDays = 400;

interface Interval {
  readonly start: Date;
  readonly end: Date;
}

/**
 * What a change of a task adds, by the days of its run: a run over midnight counts on both, each day with the time that
 * it had of it. Processor time goes with the time of the run. Whatever an agent's clock says, no run began before its
 * task was added, and none has ended yet after now.
 */
export function runTimes(before: Task, task: Task, now: Date): RunTime[] {
  const seconds = task.wallClockSeconds - before.wallClockSeconds;
  const hasCompleted = task.state === "completed" && before.state !== "completed";
  if (seconds <= 0 && !hasCompleted) return [];
  const interval = intervalOf(task, seconds, now);
  const days = daysOf(interval);
  const total = Math.max(1e-9, (interval.end.getTime() - interval.start.getTime()) / 1000);
  const slots = (before.heldSlots ?? before.requiredSlots) * (before.instances ?? 1);
  const { userSeconds, kernelSeconds } = addedUse(before.resourceUse, task.resourceUse);
  return days.map(({ day, seconds: runSeconds }, index) => {
    const isLast = index === days.length - 1;
    return {
      jobPk: task.jobPk,
      nodePk: before.nodePk,
      day,
      slotSeconds: runSeconds * slots,
      runSeconds,
      cpuSeconds: (userSeconds + kernelSeconds) * (days.length === 1 ? 1 : runSeconds / total),
      succeeded: isLast && hasCompleted && task.result === "success" ? 1 : 0,
      failed: isLast && hasCompleted && task.result !== "success" ? 1 : 0,
    };
  });
}

function intervalOf(task: Task, seconds: number, now: Date): Interval {
  const [creation, present] = [task.creationTime.getTime(), now.getTime()];
  const length = Math.min(1000 * seconds, Math.max(0, present - creation));
  const told = (task.state === "completed" ? task.endTime : null)?.getTime() ?? present;
  const end = Math.min(Math.max(told, creation + length), Math.max(present, creation));
  return { start: new Date(end - length), end: new Date(end) };
}

/** The seconds of an interval on each of its days; one without length is on the day of its end. */
export function daysOf({ start, end }: Interval): { readonly day: string; readonly seconds: number }[] {
  const days: { day: string; seconds: number }[] = [];
  for (let from = start.getTime(); from < end.getTime(); ) {
    const midnight = (Math.floor(from / dayMilliseconds) + 1) * dayMilliseconds;
    const until = days.length === mostDays - 1 ? end.getTime() : Math.min(midnight, end.getTime());
    days.push({ day: dayOf(from), seconds: (until - from) / 1000 });
    from = until;
  }
  return days.length > 0 ? days : [{ day: dayOf(end.getTime()), seconds: 0 }];
}

const dayOf = (time: number) => new Date(time).toISOString().slice(0, 10);
