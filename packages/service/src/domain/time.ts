/** `seconds` after (or, when negative, before) an instant, but never later than what four digits of a year can say. */
export function after(instant: Date, seconds: number): Date {
  return new Date(Math.min(instant.getTime() + seconds * 1000, lastTime));
}

/** In milliseconds; what would be later stays there. */
export const lastTime = Date.parse("9999-12-31T23:59:59.999Z");

/** ISO 8601 in UTC without trailing zeros in the fraction, as the service writes times. */
export function isoTime(instant: Date): string {
  return instant.toISOString().replace(/\.?0+Z$/, "Z");
}
