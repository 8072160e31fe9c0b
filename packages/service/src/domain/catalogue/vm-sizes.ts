import { singleSizes, sizeSeries } from "./vm-catalogue.ts";

/** A machine size, as Azure describes it. */
export interface VmSize {
  readonly name: string;
  readonly family: string;
  readonly cores: number;
  readonly memoryGiB: number;
  /** 0 for a size without one. */
  readonly temporaryDiskGiB: number;
}

/** Every size of the catalogue. */
export const vmSizes: readonly VmSize[] = [
  ...Object.entries(singleSizes).flatMap(([family, sizes]) =>
    sizes.map(([name, cores, memoryGiB, temporaryDiskGiB]) => ({ name, family, cores, memoryGiB, temporaryDiskGiB })),
  ),
  ...sizeSeries.flatMap(({ family, prefix, suffix, cores, memoryPerCore, diskPerCore }) =>
    cores.map((count) => ({
      name: `Standard_${prefix}${count}${suffix}`,
      family,
      cores: count,
      memoryGiB: count * memoryPerCore,
      temporaryDiskGiB: count * diskPerCore,
    })),
  ),
];

const byName = new Map(vmSizes.map((size) => [size.name.toLowerCase(), size]));

const form = /^(standard|basic)_([a-z]{1,4})(\d{1,3})(?:-(\d{1,3}))?([a-z]*(?:_[a-z0-9]+)*)$/;

/** A name without its number. */
const seriesOf = (tier: string, letters: string, rest: string) => `${tier}_${letters}#${rest}`;

/** Series of which the catalogue has every size. */
const knownSeries = new Set(
  [...byName.keys()].map((name) => {
    const [, tier = "", letters = "", , , rest = ""] = form.exec(name) ?? [];
    return seriesOf(tier, letters, rest);
  }),
);

/** How sizes with premium storage were called at first; since version 3 the `s` follows the number. */
const formerLetters: readonly string[] = ["ds", "gs"];

/**
 * A size by its name, whatever its case. One of a series that the catalogue does not have, but that is named as Azure
 * names sizes, has the cores of its name (`Standard_D8s_v9` has 8, `Standard_E16-4s_v3` has 4) and 4 GiB for each; any
 * other name is no size.
 */
export function findVmSize(name: string): VmSize | undefined {
  const size = name.toLowerCase();
  return byName.get(size) ?? namedSize(size);
}

function namedSize(size: string): VmSize | undefined {
  const match = form.exec(size);
  if (!match) return undefined;
  const [, tier = "", letters = "", whole, constrained, rest = ""] = match;
  const cores = Number(constrained ?? whole);
  if (cores === 0 || formerLetters.includes(letters)) return undefined;
  const base = constrained === undefined ? undefined : byName.get(`${tier}_${letters}${whole}${rest}`);
  if (!base && knownSeries.has(seriesOf(tier, letters, rest))) return undefined;
  return {
    name: size,
    family: base?.family ?? `${tier}${letters.toUpperCase()}Family`,
    cores,
    memoryGiB: base?.memoryGiB ?? 4 * cores,
    temporaryDiskGiB: base?.temporaryDiskGiB ?? 0,
  };
}
