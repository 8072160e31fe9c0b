/** `1 task`, `3 tasks`. */
export function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${number} ${number === 1 ? noun : plural}`;
}

/** `is` of one, `are` of several. */
export const are = (number: number) => (number === 1 ? "is" : "are");

/** `has` of one, `have` of several. */
export const have = (number: number) => (number === 1 ? "has" : "have");

/** A verb as it is said of so many: `needs` of one, `need` of several. */
export const verb = (number: number, plural: string) => (number === 1 ? `${plural}s` : plural);

const mostNamed = 3;

/** `a, b, c and 9 others`. */
export function names(all: readonly string[], total = all.length): string {
  const named = all.slice(0, mostNamed);
  const others = total - named.length;
  if (others > 0) return `${named.join(", ")} and ${count(others, "other")}`;
  const last = named.at(-1) ?? "";
  return named.length < 2 ? last : `${named.slice(0, -1).join(", ")} and ${last}`;
}

/** `12 s`, `3 min`, `2 h`, `5 days`. */
export function period(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 120) return `${whole} s`;
  if (whole < 7_200) return `${Math.round(whole / 60)} min`;
  if (whole < 172_800) return `${Math.round(whole / 3_600)} h`;
  return `${Math.round(whole / 86_400)} days`;
}

/** As `period`, but of less than ten seconds more exactly: `340 ms`, `4.2 s`. */
export function exactPeriod(seconds: number): string {
  const milliseconds = Math.max(0, Math.round(seconds * 1000));
  if (milliseconds < 1_000) return `${milliseconds} ms`;
  return milliseconds < 9_950 ? `${(milliseconds / 1000).toFixed(1)} s` : period(seconds);
}

const byteUnits = ["B", "kB", "MB", "GB", "TB"] as const;

/** `512 B`, `3.4 kB`, `29 MB`. */
export function amount(bytes: number): string {
  const power = byteUnits.findIndex((_, index) => bytes < 999.5 * 1000 ** index);
  const unit = power < 0 ? byteUnits.length - 1 : power;
  const value = bytes / 1000 ** unit;
  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${byteUnits[unit]}`;
}

export function secondsBetween(start: Date, end: Date): number {
  return Math.max(0, (end.getTime() - start.getTime()) / 1000);
}

/** Without the full stop that it may end with, to be put into a sentence. */
export const phrase = (text: string) => text.trim().replace(/\.$/, "");
