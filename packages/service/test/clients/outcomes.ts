import { readFileSync, writeFileSync } from "node:fs";
import { expect } from "vitest";

/** What a program found of one operation of its client; it prints one as a line of JSON. */
export interface Outcome {
  readonly name: string;
  readonly passed: boolean;
  /** Why it did not pass. */
  readonly error?: string;
}

/** What a run of a client's program found, in the order in which it was said. */
export function outcomesOf(output: string): Outcome[] {
  return output
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
}

export const failures = (outcomes: readonly Outcome[]) => outcomes.filter(({ passed }) => !passed);

/** A row of the table in docs/clients.md; `because` says what is known of operations that do not pass. */
function rowOf(title: string, outcomes: readonly Outcome[], because: string | undefined): string {
  const failed = failures(outcomes).map(({ name }) => `\`${name}\``);
  const left = failed.length === 0 ? (because ?? "") : `${failed.join(", ")}${because ? `: ${because}` : ""}`;
  return `| ${title} | ${outcomes.length} | ${outcomes.length - failed.length} | ${left} |`;
}

/** The text of docs/clients.md with this row in place of the one with the same title; at the table's end when it is new. */
function withRow(text: string, title: string, row: string): string {
  const lines = text.split("\n");
  const old = lines.findIndex((line) => line.startsWith(`| ${title} |`));
  if (old !== -1) return lines.with(old, row).join("\n");
  const end = lines.findLastIndex((line) => line.startsWith("| "));
  return lines.toSpliced(end + 1, 0, row).join("\n");
}

const document = new URL("../../../../docs/clients.md", import.meta.url);

/** That docs/clients.md says of a client what was found; or writes it there, with KYANITE_WRITE_DOCS=1. */
export function checkRow(title: string, outcomes: readonly Outcome[], because?: string): void {
  const row = rowOf(title, outcomes, because);
  const text = readFileSync(document, "utf8");
  if (process.env.KYANITE_WRITE_DOCS === "1") writeFileSync(document, withRow(text, title, row));
  else expect(text).toContain(row);
}
