import { type Filter, invalidFilter } from "../../domain/filter.ts";

/** What a list can be filtered by: names of the management plane, each with the one that the store has for it. */
export interface ManagedFilter {
  readonly properties: Readonly<Record<string, string>>;
  /** Its provisioning states, each with the state of the data plane that it stands for. */
  readonly states: Readonly<Record<string, string>>;
}

/**
 * A filter in the words of the store.
 * @throws BatchError InvalidQueryParameterValue for what the list cannot be filtered by, and for no state of it
 */
export function inOwnNames(filter: Filter, managed: ManagedFilter): Filter {
  if ("left" in filter)
    return { ...filter, left: inOwnNames(filter.left, managed), right: inOwnNames(filter.right, managed) };
  const property = Object.entries(managed.properties).find(([name]) => name === filter.property)?.[1];
  if (property === undefined)
    throw invalidFilter(
      filter.property,
      `${filter.property} cannot be filtered by; these can: ${Object.keys(managed.properties).join(", ")}`,
    );
  if (filter.kind !== "compare" || property !== "state") return { ...filter, property };
  const given = String(filter.value).toLowerCase();
  const state = Object.entries(managed.states).find(([name]) => name.toLowerCase() === given)?.[1];
  if (state === undefined)
    throw invalidFilter(String(filter.value), `${filter.property} can be ${Object.keys(managed.states).join(", ")}`);
  return { ...filter, property, value: state };
}
