import { ContainerOptionError } from "@kyanite/contract/container-options";

/** Values of container options that have a unit, as docker reads them. */

const wrong = (value: string, rule: string) => new ContainerOptionError(`${JSON.stringify(value)} is ${rule}`);

const sizes = ["", "k", "m", "g", "t", "p"];

/** Such as `512m` or `1.5GiB`; -1 is no limit. */
export function bytesOf(value: string): number {
  if (value === "-1") return -1;
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(value) ?? [];
  if (number === undefined) throw wrong(value, "no size, such as 512m");
  return Math.floor(Number(number) * 1024 ** sizes.indexOf(unit.toLowerCase()));
}

const seconds: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 1e-3, us: 1e-6, µs: 1e-6, ns: 1e-9 };

/** Such as `1m30s`, in nanoseconds. */
export function nanosecondsOf(value: string): number {
  if (value === "0") return 0;
  const parts = [...value.matchAll(/(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)/gy)];
  if (parts.length === 0 || parts.map(([whole]) => whole).join("") !== value)
    throw wrong(value, "no duration, such as 1m30s");
  return Math.round(parts.reduce((sum, [, number, unit = ""]) => sum + Number(number) * 1e9 * (seconds[unit] ?? 0), 0));
}

export function integerOf(value: string): number {
  if (!/^-?\d{1,15}$/.test(value)) throw wrong(value, "no integer");
  return Number(value);
}

export function numberOf(value: string): number {
  if (!/^\d+(?:\.\d+)?$/.test(value)) throw wrong(value, "no number");
  return Number(value);
}

/** A name and a value with something between them. */
export function pairOf(value: string, between: string, rule: string): readonly [string, string] {
  const at = value.indexOf(between);
  if (at <= 0) throw wrong(value, rule);
  return [value.slice(0, at), value.slice(at + between.length)];
}

/** The ports of `8080`, `8000-8010` and the like. */
export function portsOf(value: string): readonly number[] {
  const [, first = "", last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(value) ?? [];
  const count = Number(last) - Number(first) + 1;
  if (first === "" || count < 1 || Number(last) > 65_535) throw wrong(value, "no port");
  return Array.from({ length: count }, (_, index) => Number(first) + index);
}
