import { BatchError } from "@kyanite/contract";

/** Far more than any operation knows. Who reads a query may look at every parameter for each of its names. */
const mostParameters = 100;

/** Path and query of a request's target, both still encoded. */
export function splitTarget(target: string): { readonly path: string; readonly query: string } {
  const at = target.indexOf("?");
  return at === -1 ? { path: target, query: "" } : { path: target.slice(0, at), query: target.slice(at + 1) };
}

/**
 * The parameters of a query; a plus sign is a blank.
 * @throws BatchError RequestUrlFailedToParse when there are more than any request needs
 */
export function readSearch(query: string): URLSearchParams {
  if (query.split("&", mostParameters + 1).length > mostParameters)
    throw new BatchError("RequestUrlFailedToParse", { Reason: `The query has more than ${mostParameters} parameters` });
  return new URLSearchParams(query);
}

/** The first value of a parameter, whose name is matched without case. */
export function parameter(search: URLSearchParams, name: string): string | undefined {
  return [...search].find(([each]) => each.toLowerCase() === name)?.[1];
}
