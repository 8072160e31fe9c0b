import { BatchError } from "@kyanite/contract";
import { parameter } from "../target.ts";

/** What every element has, whether it was selected or not: without it nobody would know which is which. */
const always = ["id", "name", "type", "etag"];

/**
 * Leaves out of a resource what `$select` does not name; `properties/vmSize` names a fact of it. Lists that cannot be
 * selected from have refused the parameter before.
 * @throws BatchError for what is no name of a member
 */
export function selectedMembers(search: URLSearchParams): (resource: unknown) => unknown {
  const text = parameter(search, "$select") ?? "";
  const paths = text.split(",").map((path) => path.trim().split("/"));
  if (text.trim() === "" || text.trim() === "*") return (resource) => resource;
  if (paths.some(([outer = "", ...inner]) => outer === "" || inner.length > (outer === "properties" ? 1 : 0)))
    throw new BatchError("InvalidQueryParameterValue", {
      QueryParameterName: "$select",
      QueryParameterValue: text.slice(0, 256),
      Reason: "Give names of members, or properties/NAME, separated by commas",
    });
  const facts = paths.flatMap(([outer, fact]) => (outer === "properties" && fact !== undefined ? [fact] : []));
  const members = new Set([...always, ...paths.filter((path) => path.length === 1).flat()]);
  return (resource) => {
    const kept = membersOf(resource).filter(([name]) => members.has(name));
    if (facts.length === 0 || members.has("properties")) return Object.fromEntries(kept);
    const all = membersOf(membersOf(resource).find(([name]) => name === "properties")?.[1]);
    return {
      ...Object.fromEntries(kept),
      properties: Object.fromEntries(all.filter(([name]) => facts.includes(name))),
    };
  };
}

function membersOf(value: unknown): [string, unknown][] {
  return typeof value === "object" && value !== null ? Object.entries(value) : [];
}
