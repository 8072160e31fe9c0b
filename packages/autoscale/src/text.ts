import { ticksPerSecond, toMilliseconds } from "./time.ts";
import type { Value } from "./value.ts";

/** A value as it stands in the result string. */
export function valueText(value: Value): string {
  switch (value.kind) {
    case "double":
      return doubleText(value.value);
    case "vector":
      return `[${value.values.map(doubleText).join(",")}]`;
    case "string":
      return value.text;
    case "timestamp":
      return new Date(toMilliseconds(value.ticks)).toISOString();
    case "interval":
      return intervalText(value.ticks);
    case "option":
      return value.option;
    case "samples":
      return value.variable;
    case "nothing":
      return "";
  }
}

/** At most six significant digits, as C's `%g` writes them. */
function doubleText(value: number): string {
  if (!Number.isFinite(value) || value === 0) return String(value);
  const [mantissa = "", exponentText = ""] = value.toExponential(5).split("e");
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < 6) return String(Number(value.toPrecision(6)));
  const sign = exponent < 0 ? "-" : "+";
  return `${Number(mantissa)}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/** `[-][days.]hh:mm:ss[.fffffff]`. */
function intervalText(ticks: bigint): string {
  const length = ticks < 0n ? -ticks : ticks;
  const seconds = length / ticksPerSecond;
  const days = seconds / 86_400n;
  const clock = [(seconds / 3_600n) % 24n, (seconds / 60n) % 60n, seconds % 60n].map((part) =>
    String(part).padStart(2, "0"),
  );
  const fraction = length % ticksPerSecond;
  return [
    ticks < 0n ? "-" : "",
    days > 0n ? `${days}.` : "",
    clock.join(":"),
    fraction > 0n ? `.${String(fraction).padStart(7, "0")}` : "",
  ].join("");
}
