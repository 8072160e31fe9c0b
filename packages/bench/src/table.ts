import type { Section } from "./bench.ts";
import { type Figure, isMet, type Target } from "./figures.ts";

/** Three significant digits, and none behind the point from a hundred on. */
export function formatValue(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en-GB");
  return String(Number(value.toPrecision(3)));
}

const formatTarget = (target: Target) =>
  "atLeast" in target ? `≥ ${formatValue(target.atLeast)}` : `< ${formatValue(target.below)}`;

export function formatTable(sections: readonly Section[]): string {
  const figures = sections.flatMap((section) => section.figures);
  const width = (texts: readonly string[]) => Math.max(0, ...texts.map((text) => text.length));
  const nameWidth = width(figures.map(({ name }) => name));
  const unitWidth = width(figures.map(({ unit }) => unit));
  const line = (figure: Figure) => {
    const { name, value, unit, target } = figure;
    const judged = target ? `  ${formatTarget(target).padStart(8)}  ${isMet(figure) ? "met" : "missed"}` : "";
    return `  ${name.padEnd(nameWidth)}  ${formatValue(value).padStart(8)} ${unit.padEnd(unitWidth)}${judged}`.trimEnd();
  };
  return sections.map(({ title, figures }) => `\n${[title, ...figures.map(line)].join("\n")}\n`).join("");
}
