/**
 * ISO 8601 durations as .NET reads and writes them: a year has 365 days, a month 30, the unit is 100 ns, and the
 * longest one stands for "no limit".
 */

/** What an unset wall-clock limit is written as. */
export const unlimitedDuration = "P10675199DT2H48M5.4775807S";

const ticksPerSecond = 10_000_000n;
const longest = 2n ** 63n - 1n;

const form =
  /^P(?=[0-9]|T[0-9])(?:([0-9]+)Y)?(?:([0-9]+)M)?(?:([0-9]+)W)?(?:([0-9]+)D)?(?:T(?=[0-9])(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)(?:[.,]([0-9]+))?S)?)?$/;

/** The form of a duration, for descriptions; the longest text and the largest value are not in it. */
export const durationPattern = form.source;

/** Seconds in a year, month, week, day, hour, minute and second: the groups of the pattern in their order. */
const unitSeconds = [31_536_000n, 2_592_000n, 604_800n, 86_400n, 3600n, 60n, 1n];

const longestText = 64;

function parseTicks(text: string): bigint | undefined {
  const match = text.length <= longestText ? form.exec(text) : null;
  if (!match) return undefined;
  const seconds = unitSeconds.reduce((sum, unit, index) => sum + unit * BigInt(match[index + 1] ?? 0), 0n);
  const fraction = BigInt((match[8] ?? "").slice(0, 7).padEnd(7, "0"));
  const ticks = seconds * ticksPerSecond + fraction;
  return ticks > longest ? undefined : ticks;
}

function formatTicks(ticks: bigint): string {
  const seconds = ticks / ticksPerSecond;
  const fraction = (ticks % ticksPerSecond).toString().padStart(7, "0").replace(/0+$/, "");
  const part = (value: bigint, unit: string) => (value > 0n ? `${value}${unit}` : "");
  const second = seconds % 60n > 0n || fraction ? `${seconds % 60n}${fraction && "."}${fraction}S` : "";
  const date = part(seconds / 86_400n, "D");
  const time = part((seconds / 3600n) % 24n, "H") + part((seconds / 60n) % 60n, "M") + second;
  if (!date && !time) return "PT0S";
  return `P${date}${time && "T"}${time}`;
}

/** Seconds, or undefined when the text is no duration or longer than the longest. */
export function parseDuration(text: string): number | undefined {
  const ticks = parseTicks(text);
  return ticks === undefined ? undefined : Number(ticks) / Number(ticksPerSecond);
}

/** The shortest way to write so many seconds; what is too long becomes {@link unlimitedDuration}. */
export function formatDuration(seconds: number): string {
  const ticks = BigInt(Math.round(Math.min(Math.max(seconds, 0), Number(longest)) * Number(ticksPerSecond)));
  return formatTicks(ticks > longest ? longest : ticks);
}

/** The same duration in the service's own spelling: `P1M` becomes `P30D`. Text that is no duration stays as it is. */
export function normalizeDuration(text: string): string {
  const ticks = parseTicks(text);
  return ticks === undefined ? text : formatTicks(ticks);
}
