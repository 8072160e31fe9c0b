/** How many nodes there may be of the sizes that a pattern names, all together. */
export interface NodeCapacity {
  /** A size in lower case, in which `*` stands for anything, such as `standard_nc*`. */
  readonly pattern: string;
  readonly nodes: number;
}

/**
 * Reads a list such as `standard_nc*=0,standard_d2s_v3=4,*=200`: patterns of sizes, and the most nodes of the sizes
 * that each names. The first pattern that fits a size decides; a size that none fits cannot be had.
 * @returns undefined when the text is no such list
 */
export function parseCapacities(text: string): readonly NodeCapacity[] | undefined {
  const entries = text.split(",").map((entry) => /^\s*([a-z0-9_*-]+)\s*=\s*(\d{1,9})\s*$/i.exec(entry));
  const capacities = entries.flatMap((match) =>
    match?.[1] === undefined ? [] : [{ pattern: match[1].toLowerCase(), nodes: Number(match[2]) }],
  );
  return capacities.length === entries.length ? capacities : undefined;
}

/** The first entry whose pattern fits the size. */
export function capacityOf(vmSize: string, capacities: readonly NodeCapacity[]): NodeCapacity | undefined {
  const size = vmSize.toLowerCase();
  return capacities.find(({ pattern }) => fits(size, pattern));
}

function fits(size: string, pattern: string): boolean {
  const expression = pattern.replaceAll("*", ".*");
  return new RegExp(`^${expression}$`).test(size);
}
