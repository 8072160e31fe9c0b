/** `seconds` after (or, when negative, before) an instant. */
export function after(instant: Date, seconds: number): Date {
  return new Date(instant.getTime() + seconds * 1000);
}

/** ISO 8601 in UTC without trailing zeros in the fraction, as the service writes times. */
export function isoTime(instant: Date): string {
  return instant.toISOString().replace(/\.?0+Z$/, "Z");
}
