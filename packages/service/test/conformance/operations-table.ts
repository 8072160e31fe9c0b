import type { ApiVersion, Operation } from "@kyanite/contract";

/** What became of an operation: `works`, `not yet`, `fails`, or how it is refused. */
export type Outcome = string;

/** A row for each operation: in which versions it is there, and what was found. */
export function operationsTable(
  operations: Readonly<Record<string, Operation>>,
  outcomes: ReadonlyMap<string, Outcome>,
  versions: readonly ApiVersion[],
): string {
  const rows = Object.entries(operations).map(([name, { method, path, since, removed }]) => {
    const lifespan = [since && `from ${since}`, removed && `before ${removed}`].filter(Boolean).join(", ");
    return `| \`${name}\` | ${method} \`${path}\` | ${lifespan || "all"} | ${outcomes.get(name) ?? "not tried"} |`;
  });
  const works = [...outcomes.values()].filter((outcome) => outcome.startsWith("works")).length;
  return [
    `Api-versions ${versions[0]} to ${versions.at(-1)}. Of ${rows.length} operations ${works} work. Written by \`npm run docs:operations\` from`,
    'what `packages/service/test/conformance` found; "refused" is how an operation answers that cannot do more here.',
    "",
    "| operation | request | versions | found |",
    "| --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

const heading = "## Operations\n";

/** The text with the table as its section of operations. */
export function withTable(text: string, table: string): string {
  const start = text.indexOf(heading);
  if (start === -1) throw new Error(`there is no section ${heading}`);
  const end = text.indexOf("\n## ", start + heading.length);
  return `${text.slice(0, start + heading.length)}\n${table}\n${text.slice(end)}`;
}
