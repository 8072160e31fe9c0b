/**
 * Virtual cores of a size as Azure names them: the first number after the family's letters, as in `Standard_D4s_v3`.
 * A few old families number their members instead; those are listed.
 */
export function coresOf(vmSize: string): number | undefined {
  const size = vmSize.toLowerCase();
  const numbered = numberedSizes[size];
  if (numbered !== undefined) return numbered;
  const match = /^(?:standard|basic)_[a-z]{1,4}(\d{1,3})(?:-(\d{1,3}))?[a-z]*(?:_[a-z0-9]+)*$/.exec(size);
  const cores = match?.[2] ?? match?.[1];
  return cores === undefined ? undefined : Number(cores);
}

const numberedSizes: Readonly<Record<string, number>> = {
  small: 1,
  medium: 2,
  large: 4,
  extralarge: 8,
  ...family("standard_a", { 1: 1, 2: 2, 3: 4, 4: 8, 5: 2, 6: 4, 7: 8, 8: 8, 9: 16, 10: 8, 11: 16 }, [""]),
  ...family("standard_d", { 1: 1, 2: 2, 3: 4, 4: 8, 5: 16, 11: 2, 12: 4, 13: 8, 14: 16, 15: 20 }, ["", "_v2"]),
  ...family("standard_ds", { 1: 1, 2: 2, 3: 4, 4: 8, 5: 16, 11: 2, 12: 4, 13: 8, 14: 16, 15: 20 }, ["", "_v2"]),
  ...family("standard_g", { 1: 2, 2: 4, 3: 8, 4: 16, 5: 32 }, [""]),
  ...family("standard_gs", { 1: 2, 2: 4, 3: 8, 4: 16, 5: 32 }, [""]),
};

function family(
  prefix: string,
  cores: Readonly<Record<string, number>>,
  suffixes: readonly string[],
): Record<string, number> {
  return Object.fromEntries(
    suffixes.flatMap((suffix) =>
      Object.entries(cores).map(([member, count]) => [`${prefix}${member}${suffix}`, count]),
    ),
  );
}
