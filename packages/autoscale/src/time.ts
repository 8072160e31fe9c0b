import type { Fail } from "./formula-error.ts";

export const ticksPerMillisecond = 10_000n;
export const ticksPerSecond = 10_000_000n;

const day = 86_400n * ticksPerSecond;

export const intervalConstants: ReadonlyMap<string, bigint> = new Map([
  ["TimeInterval_Zero", 0n],
  ["TimeInterval_100ns", 1n],
  ["TimeInterval_Microsecond", 10n],
  ["TimeInterval_Millisecond", ticksPerMillisecond],
  ["TimeInterval_Second", ticksPerSecond],
  ["TimeInterval_Minute", 60n * ticksPerSecond],
  ["TimeInterval_Hour", 3_600n * ticksPerSecond],
  ["TimeInterval_Day", day],
  ["TimeInterval_Week", 7n * day],
  ["TimeInterval_Year", 365n * day],
]);

const firstInstant = BigInt(Date.parse("0001-01-01T00:00:00Z")) * ticksPerMillisecond;
const afterLastInstant = BigInt(Date.parse("9999-12-31T23:59:59.999Z") + 1) * ticksPerMillisecond;
const longestInterval = 2n ** 63n - 1n;

/** The instant itself, when a calendar has it. */
export function checkInstant(ticks: bigint, fail: Fail): bigint {
  return ticks >= firstInstant && ticks < afterLastInstant
    ? ticks
    : fail("The timestamp is not in the years 1 to 9999");
}

export function checkInterval(ticks: bigint, fail: Fail): bigint {
  return ticks <= longestInterval && ticks >= -longestInterval ? ticks : fail("The time interval is too long");
}

/** `ticks` times `factor`, rounded to a whole tick. */
export function scaleInterval(ticks: bigint, factor: number, fail: Fail): bigint {
  if (Number.isSafeInteger(factor)) return checkInterval(ticks * BigInt(factor), fail);
  const product = Math.round(Number(ticks) * factor);
  return Number.isFinite(product) ? checkInterval(BigInt(product), fail) : fail("The time interval is too long");
}

/** Floors towards the past, as a clock does. */
export function toMilliseconds(ticks: bigint): number {
  const rest = ((ticks % ticksPerMillisecond) + ticksPerMillisecond) % ticksPerMillisecond;
  return Number((ticks - rest) / ticksPerMillisecond);
}

const memberOf = {
  year: (date: Date) => date.getUTCFullYear(),
  month: (date: Date) => date.getUTCMonth() + 1,
  day: (date: Date) => date.getUTCDate(),
  weekday: (date: Date) => date.getUTCDay() || 7,
  hour: (date: Date) => date.getUTCHours(),
  minute: (date: Date) => date.getUTCMinutes(),
  second: (date: Date) => date.getUTCSeconds(),
} as const;

/** What stands after the dot of a timestamp, in UTC; a week goes from Monday, 1, to Sunday, 7. */
export const timestampMembers: ReadonlyMap<string, (date: Date) => number> = new Map(Object.entries(memberOf));

const w3c =
  /^(?<year>\d{4})(?:-(?<month>\d\d)(?:-(?<day>\d\d)(?:T(?<hour>\d\d):(?<minute>\d\d)(?::(?<second>\d\d)(?:\.(?<fraction>\d{1,7}))?)?(?<zone>Z|[+-]\d\d:\d\d)?)?)?)?$/;
const rfc1123 =
  /^(?:(?<weekday>Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?(?<day>\d\d?) (?<monthName>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (?<year>\d{4}) (?<hour>\d\d):(?<minute>\d\d):(?<second>\d\d) (?<zone>GMT|UTC|UT|[+-]\d{4})$/;
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** Reads W3C-DTF or RFC 1123 text; a time without a zone is UTC. Undefined when it is neither, or no date has it. */
export function parseInstant(text: string): bigint | undefined {
  const parts = (w3c.exec(text) ?? rfc1123.exec(text))?.groups;
  if (!parts) return undefined;
  const month = parts.monthName === undefined ? Number(parts.month ?? 1) : months.indexOf(parts.monthName) + 1;
  const [hour, minute, second] = [parts.hour, parts.minute, parts.second].map((part) => Number(part ?? 0));
  const date = new Date(0);
  date.setUTCFullYear(Number(parts.year), month - 1, Number(parts.day ?? 1));
  date.setUTCHours(hour ?? 0, minute ?? 0, second ?? 0);
  const isSame =
    date.getUTCMonth() + 1 === month &&
    date.getUTCDate() === Number(parts.day ?? 1) &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    (parts.weekday === undefined || weekdays[date.getUTCDay()] === parts.weekday);
  if (!isSame) return undefined;
  const fraction = BigInt((parts.fraction ?? "").padEnd(7, "0"));
  return BigInt(date.getTime()) * ticksPerMillisecond + fraction - zoneTicks(parts.zone);
}

function zoneTicks(zone = "Z"): bigint {
  const [, sign, hours, minutes] = /^([+-])(\d\d):?(\d\d)$/.exec(zone) ?? [];
  const ticks = (BigInt(hours ?? 0) * 60n + BigInt(minutes ?? 0)) * 60n * ticksPerSecond;
  return sign === "-" ? -ticks : ticks;
}
