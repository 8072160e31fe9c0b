/** Between which times a user delegation key is to be good, as a request says. */
export interface DelegationTimes {
  readonly start?: string | undefined;
  readonly expiry?: string | undefined;
}

const longestMilliseconds = 7 * 24 * 3_600_000;

/**
 * The times for which a key is asked, in whole seconds, as clients repeat them when they sign; or what is wrong with them,
 * in a sentence.
 */
export function readDelegationTimes(
  { start, expiry }: DelegationTimes,
  now: Date,
): { readonly times: DelegationTimes } | { readonly problem: string } {
  const [begin, end] = [start, expiry].map(readTime);
  if (begin === undefined) return { problem: "Start is not a time in UTC such as 2026-01-31T12:00:00Z." };
  if (end === undefined) return { problem: "Expiry is not a time in UTC such as 2026-01-31T12:00:00Z." };
  if (end <= begin) return { problem: "Expiry is not after Start." };
  if (end <= now.getTime()) return { problem: "Expiry is not in the future." };
  if (end > now.getTime() + longestMilliseconds) return { problem: "Expiry is more than seven days from now." };
  return { times: { start: inSeconds(begin), expiry: inSeconds(end) } };
}

function readTime(text: string | undefined): number | undefined {
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,7})?)?Z$/.test(text ?? "");
  const time = isTime && text !== undefined ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

const inSeconds = (milliseconds: number) => new Date(milliseconds).toISOString().replace(/\.\d+Z$/, "Z");
