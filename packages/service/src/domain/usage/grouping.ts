import { BatchError } from "@kyanite/contract";

/** By what usage is put together. */
export type Grouping =
  | { readonly kind: "day" | "pool" | "job" | "vmsize" | "dedicated" }
  | { readonly kind: "tag"; readonly name: string };

const plain = ["day", "pool", "job", "vmsize", "dedicated"] as const;
const mostGroupings = 8;

/** @throws BatchError InvalidQueryParameterValue */
export function parseGroupings(text: string | undefined): Grouping[] {
  const words = (text ?? "").split(",").map((word) => word.trim());
  if (words.length === 1 && words[0] === "") return [];
  if (words.length > mostGroupings) throw refused(text, `At most ${mostGroupings} groupings are possible`);
  const groupings = words.map((word) => groupingOf(word, text));
  const names = new Set(groupings.map((each) => (each.kind === "tag" ? `tag:${each.name}` : each.kind)));
  if (names.size < groupings.length) throw refused(text, "A grouping is named twice");
  return groupings;
}

function groupingOf(word: string, text: string | undefined): Grouping {
  const kind = plain.find((each) => each === word.toLowerCase());
  if (kind) return { kind };
  const [, name] = /^tag:(.+)$/i.exec(word) ?? [];
  if (name !== undefined) return { kind: "tag", name };
  throw refused(text, "Expected day, pool, job, vmsize, dedicated or tag:NAME, separated by commas");
}

const refused = (value = "", reason: string) =>
  new BatchError("InvalidQueryParameterValue", {
    QueryParameterName: "groupby",
    QueryParameterValue: value.slice(0, 256),
    Reason: reason,
  });
