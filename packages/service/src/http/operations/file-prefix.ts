import { BatchError } from "@kyanite/contract";
import type { Filter } from "../../domain/filter.ts";

/** Files may be filtered by the beginning of their names only. */
export function prefixOf(filter: Filter | undefined): string | undefined {
  if (!filter) return undefined;
  if (filter.kind === "startswith" && filter.property === "name") return filter.prefix;
  throw new BatchError("InvalidQueryParameterValue", {
    QueryParameterName: "$filter",
    Reason: "Files can be filtered only with startswith(name,'…')",
  });
}
