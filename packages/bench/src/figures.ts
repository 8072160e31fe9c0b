/** One measurement. Ratios and counts are figures too. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly target?: Target;
}

export type Target = { readonly atLeast: number } | { readonly below: number };

export function isMet({ value, target }: Figure): boolean | undefined {
  if (!target) return undefined;
  return "atLeast" in target ? value >= target.atLeast : value < target.below;
}

/** The value below which a share of the samples lies, such as 0.99; NaN without samples. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export const median = (samples: readonly number[]) => percentile(samples, 0.5);

/** Measures several times, one after the other. */
export async function medianOf(runs: number, measure: (run: number) => Promise<number>): Promise<number> {
  const samples: number[] = [];
  for (let run = 0; run < runs; run++) samples.push(await measure(run));
  return median(samples);
}

/** The usual wait and the longest that is not an exception, in milliseconds. */
export function spread(
  name: string,
  samplesMilliseconds: readonly number[],
  targets: { readonly p50?: Target; readonly p99?: Target } = {},
): Figure[] {
  return [
    { name: `${name}, p50`, value: percentile(samplesMilliseconds, 0.5), unit: "ms", target: targets.p50 },
    { name: `${name}, p99`, value: percentile(samplesMilliseconds, 0.99), unit: "ms", target: targets.p99 },
  ];
}
