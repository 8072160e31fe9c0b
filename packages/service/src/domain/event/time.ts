/** In UTC with milliseconds, as the documented events have their times. */
export function time(text: unknown): string | null {
  return typeof text === "string" ? new Date(text).toISOString() : null;
}
