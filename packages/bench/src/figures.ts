/** One measurement. Ratios and counts are figures too. */
export interface Figure {
  readonly scenario: string;
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

/** The value below which a share of the samples lies, such as 0.99; NaN without samples. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export const median = (samples: readonly number[]) => percentile(samples, 0.5);

/** Three significant digits, and none behind the point from a hundred on. */
export function formatValue(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en-GB");
  return String(Number(value.toPrecision(3)));
}

export function formatTable(figures: readonly Figure[]): string {
  const nameWidth = Math.max(...figures.map(({ name }) => name.length));
  const lines: string[] = [];
  for (const scenario of new Set(figures.map((figure) => figure.scenario))) {
    lines.push("", scenario);
    for (const { name, value, unit } of figures.filter((figure) => figure.scenario === scenario))
      lines.push(`  ${name.padEnd(nameWidth)}  ${formatValue(value).padStart(10)} ${unit}`);
  }
  return `${lines.join("\n")}\n`;
}
