/**
 * Dates and times as .NET reads and writes them: ISO 8601 with a time zone, or a date alone, of the years 1 to 9999, with
 * a unit of 100 ns.
 */

const form =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?(Z|[+-][0-9]{2}:[0-9]{2}))?$/i;

const earliest = Date.parse("0001-01-01T00:00:00Z");
const latest = Date.parse("9999-12-31T23:59:59.999Z");

/** Whether a text is a date and time that can be kept. */
export function isDateTime(text: string): boolean {
  return parse(text) !== undefined;
}

/**
 * The same moment in the service's own spelling: UTC, with as many fractional digits as it needs, and at most seven.
 * Text that is no date and time stays as it is.
 */
export function normalizeDateTime(text: string): string {
  const moment = parse(text);
  if (!moment) return text;
  const seconds = new Date(moment.milliseconds).toISOString().slice(0, "2025-01-31T12:00:00".length);
  return `${seconds}${moment.fraction && "."}${moment.fraction}Z`;
}

interface Moment {
  /** Of the whole second. */
  readonly milliseconds: number;
  readonly fraction: string;
}

function parse(text: string): Moment | undefined {
  const match = form.exec(text);
  if (!match) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map((digits) => Number(digits ?? 0));
  const isDay = month >= 1 && month <= 12 && day >= 1 && day <= daysOf(year, month);
  if (!isDay || hour > 23 || minute > 59 || second > 59) return undefined;
  const local = Date.parse(`${text.slice(0, 10)}T00:00:00Z`) + ((hour * 60 + minute) * 60 + second) * 1000;
  const milliseconds = local - offsetMinutes(match[8]) * 60_000;
  if (!(milliseconds >= earliest && milliseconds <= latest)) return undefined;
  return { milliseconds, fraction: (match[7] ?? "").slice(0, 7).replace(/0+$/, "") };
}

function daysOf(year: number, month: number): number {
  const firstOfNext = new Date(0);
  firstOfNext.setUTCFullYear(year, month, 0);
  return firstOfNext.getUTCDate();
}

function offsetMinutes(zone: string | undefined): number {
  if (zone === undefined || zone.toUpperCase() === "Z") return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6));
  return zone.startsWith("-") ? -minutes : minutes;
}
