import { after } from "../time.ts";
import type { Task } from "./task.ts";
import { defaultRetention, limitSeconds } from "./task-constraints.ts";

/** The last end of a task on a node among those with this retention time, a duration. */
export interface Retention {
  readonly endTime: Date;
  readonly retentionTime: string | null;
}

/** Files without a limit are kept for a hundred years, which a date can still express. */
const unlimitedSeconds = 100 * 365 * 24 * 3600;

function retentionEnd({ endTime, retentionTime }: Retention): Date {
  const seconds = limitSeconds(retentionTime ?? defaultRetention) ?? unlimitedSeconds;
  return after(endTime, Math.min(seconds, unlimitedSeconds));
}

/** Until when a node has to keep the files of the tasks that ran on it; `now` when there are none. */
export function retainedUntil(retentions: readonly Retention[], now: Date): Date {
  return new Date(Math.max(now.getTime(), ...retentions.map((each) => retentionEnd(each).getTime())));
}

/** Whether the files of a task need not be kept any more. */
export function isRetentionOver(
  { state, endTime, spec }: Pick<Task, "state" | "endTime" | "spec">,
  now: Date,
): boolean {
  if (state !== "completed" || endTime === null) return false;
  return retentionEnd({ endTime, retentionTime: spec.constraints?.retentionTime ?? null }) <= now;
}
