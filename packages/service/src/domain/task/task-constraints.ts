import { parseDuration, type TaskConstraints, unlimitedDuration } from "@kyanite/contract";

export const defaultRetention = "P7D";

/** A task's constraints as clients see them: no wall clock, seven days of retention and no retries unless given. */
export function taskConstraints(constraints: TaskConstraints | undefined): Required<TaskConstraints> {
  return {
    maxWallClockTime: constraints?.maxWallClockTime ?? unlimitedDuration,
    retentionTime: constraints?.retentionTime ?? defaultRetention,
    maxTaskRetryCount: constraints?.maxTaskRetryCount ?? 0,
  };
}

/** A limit in seconds, or undefined when there is none. */
export function limitSeconds(duration: string | undefined): number | undefined {
  if (duration === undefined || duration === unlimitedDuration) return undefined;
  return parseDuration(duration);
}
