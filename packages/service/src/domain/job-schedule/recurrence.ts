import { after, lastTime } from "../time.ts";

/**
 * When the jobs of a schedule are due. Occurrences follow each other at the interval, in UTC; each lasts until the
 * next begins, and a job is made for it once or not at all. What is decided depends on `now` and on the occurrences
 * used so far alone: not on how often anybody looks, nor on which way the clock was set meanwhile.
 */
export interface Recurrence {
  readonly firstOccurrence: Date;
  /** The last occurrence that a job was made for; earlier ones are over. */
  readonly lastOccurrence: Date | null;
  /** There is one occurrence only when null. */
  readonly intervalSeconds: number | null;
  /** How long after its beginning an occurrence may be used; until the next begins when null. */
  readonly startWindowSeconds: number | null;
  /** From here on no job is made. */
  readonly doNotRunAfter: Date | null;
}

/** The occurrence for which a job shall be made now, if any. */
export function dueOccurrence(recurrence: Recurrence, now: Date): Date | undefined {
  const { lastOccurrence, startWindowSeconds, doNotRunAfter } = recurrence;
  const present = presentOccurrence(recurrence, now);
  if (!present || (lastOccurrence && present <= lastOccurrence) || (doNotRunAfter && now >= doNotRunAfter))
    return undefined;
  const isOpen = startWindowSeconds === null || now.getTime() <= present.getTime() + startWindowSeconds * 1000;
  return isOpen ? present : undefined;
}

/** The occurrence for which the next job is made: one that is due, or else the next that comes. */
export function nextOccurrence(recurrence: Recurrence, now: Date): Date | undefined {
  const next = dueOccurrence(recurrence, now) ?? comingOccurrence(recurrence, now);
  if (!next || next.getTime() >= lastTime) return undefined;
  return recurrence.doNotRunAfter && next >= recurrence.doNotRunAfter ? undefined : next;
}

/** Whether no job will be made any more. */
export function isOver(recurrence: Recurrence, now: Date): boolean {
  const { firstOccurrence, lastOccurrence, intervalSeconds, doNotRunAfter } = recurrence;
  if (doNotRunAfter && now >= doNotRunAfter) return true;
  if (intervalSeconds !== null) return false;
  if (lastOccurrence && lastOccurrence >= firstOccurrence) return true;
  return now >= firstOccurrence && dueOccurrence(recurrence, now) === undefined;
}

/** From when on there may be a job to make, or nothing more to come; null when never. */
export function wakeTime(recurrence: Recurrence, now: Date): Date | null {
  if (isOver(recurrence, now)) return now;
  return nextOccurrence(recurrence, now) ?? recurrence.doNotRunAfter;
}

/** The last occurrence that has begun. */
function presentOccurrence({ firstOccurrence, intervalSeconds }: Recurrence, now: Date): Date | undefined {
  const elapsed = now.getTime() - firstOccurrence.getTime();
  if (elapsed < 0) return undefined;
  if (intervalSeconds === null) return firstOccurrence;
  // Whole milliseconds, because a quotient of fractions may fall short of the occurrence that begins now.
  const interval = Math.round(intervalSeconds * 1000);
  return new Date(firstOccurrence.getTime() + Math.floor(elapsed / interval) * interval);
}

/** The first occurrence that has not begun and comes after those that are used. */
function comingOccurrence(recurrence: Recurrence, now: Date): Date | undefined {
  const { firstOccurrence, lastOccurrence, intervalSeconds } = recurrence;
  const from = lastOccurrence && lastOccurrence > now ? lastOccurrence : now;
  const last = presentOccurrence(recurrence, from);
  if (!last) return firstOccurrence;
  return intervalSeconds === null ? undefined : after(last, intervalSeconds);
}
