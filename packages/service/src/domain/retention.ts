import { limitSeconds } from "./task-constraints.ts";
import { after } from "./time.ts";

/** The last end of a task on a node among those with this retention time, a duration. */
export interface Retention {
  readonly endTime: Date;
  readonly retentionTime: string | null;
}

const defaultRetention = "P7D";
/** Files without a limit are kept for as long as anything here is: a hundred years. */
const unlimitedSeconds = 100 * 365 * 24 * 3600;

/** Until when a node has to keep the files of the tasks that ran on it; `now` when there are none. */
export function retainedUntil(retentions: readonly Retention[], now: Date): Date {
  const ends = retentions.map(({ endTime, retentionTime }) => {
    const seconds = limitSeconds(retentionTime ?? defaultRetention) ?? unlimitedSeconds;
    return after(endTime, Math.min(seconds, unlimitedSeconds)).getTime();
  });
  return new Date(Math.max(now.getTime(), ...ends));
}
