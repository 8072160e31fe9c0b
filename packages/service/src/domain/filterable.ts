import { BatchError } from "@kyanite/contract";
import { type Filter, invalidFilter, isWithinReach, type Literal, type Operator, operators } from "./filter.ts";

/** A property that `$filter` may name. */
export interface Filterable {
  /** `id`: kept in lower case, ordered byte by byte; it also takes `startswith`. */
  readonly type: "id" | "time" | "integer" | "state" | "boolean" | "text";
  /** All unless given. */
  readonly operators?: readonly Operator[];
  /** Of a state: what it may be. Another value is refused instead of finding nothing. */
  readonly values?: readonly string[];
}

/**
 * Checks that a filter asks only for what a list can be filtered by.
 * @throws BatchError InvalidQueryParameterValue with the property, operator or value that does not fit
 */
export function checkFilter(filter: Filter, properties: Readonly<Record<string, Filterable>>): void {
  if ("left" in filter) {
    checkFilter(filter.left, properties);
    checkFilter(filter.right, properties);
    return;
  }
  const { property } = filter;
  const known = Object.hasOwn(properties, property) ? properties[property] : undefined;
  if (!known)
    throw invalidFilter(
      property,
      `${property} cannot be filtered by; these can: ${Object.keys(properties).join(", ")}`,
    );
  if (filter.kind === "startswith") {
    if (known.type !== "id") throw invalidFilter(property, `startswith is not supported for ${property}`);
    return;
  }
  const allowed = known.operators ?? operators;
  if (!allowed.includes(filter.operator)) throw invalidFilter(property, `${property} takes only ${allowed.join(", ")}`);
  checkLiteral(property, known, filter.value);
}

function checkLiteral(property: string, { type, values }: Filterable, value: Literal): void {
  if (!isOfType(type, value)) throw invalidFilter(property, `${property} is compared with ${wanted[type]}`);
  if (!values || values.some((each) => each.toLowerCase() === String(value).toLowerCase())) return;
  throw new BatchError("InvalidQueryParameterValue", {
    QueryParameterName: property,
    QueryParameterValue: String(value).slice(0, 256),
    Reason: `It can be ${values.join(", ")}`,
  });
}

function isOfType(type: Filterable["type"], value: Literal): boolean {
  switch (type) {
    case "integer":
      return typeof value === "number";
    case "boolean":
      return typeof value === "boolean";
    case "time":
      return value instanceof Date || (typeof value === "string" && isWithinReach(new Date(value)));
    default:
      return typeof value === "string";
  }
}

const wanted: Readonly<Record<Filterable["type"], string>> = {
  id: "a text in quotes",
  state: "a text in quotes",
  text: "a text in quotes",
  integer: "a whole number",
  boolean: "true or false",
  time: "a time such as DateTime'2026-01-31T12:00:00Z'",
};
