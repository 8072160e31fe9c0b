import {
  type AnyOperation,
  type ApiVersion,
  BatchError,
  isDateTime,
  queryIn,
  type SchemaNode,
  timeoutSchema,
} from "@kyanite/contract";

/** The query of a request: names as the contract spells them, values read by its schemas. */
export type Query = Readonly<Record<string, string | number | boolean>>;

const always: Readonly<Record<string, SchemaNode>> = {
  "api-version": { type: "string" },
  timeout: timeoutSchema,
  $skiptoken: { type: "string" },
};

/**
 * Reads a query; names are matched without case.
 * @throws BatchError UnsupportedQueryParameter, InvalidQueryParameterValue, OutOfRangeQueryParameterValue
 */
export function readQuery(search: URLSearchParams, operation: Pick<AnyOperation, "query">, version: ApiVersion): Query {
  const known = { ...queryIn(operation, version), ...always };
  const names = new Map(Object.keys(known).map((name) => [name.toLowerCase(), name]));
  const query: Record<string, string | number | boolean> = {};
  for (const [given, text] of search) {
    const name = names.get(given.toLowerCase());
    const schema = name === undefined ? undefined : known[name];
    if (name === undefined || !schema) throw new BatchError("UnsupportedQueryParameter", { QueryParameterName: given });
    if (text.includes("\u0000"))
      throw new BatchError("InvalidQueryParameterValue", {
        QueryParameterName: name,
        Reason: "The value may not hold the character U+0000",
      });
    query[name] = readValue(name, text, schema);
  }
  return query;
}

function readValue(name: string, text: string, schema: SchemaNode): string | number | boolean {
  const error = (code: "InvalidQueryParameterValue" | "OutOfRangeQueryParameterValue", reason: string) =>
    new BatchError(code, { QueryParameterName: name, QueryParameterValue: text.slice(0, 256), Reason: reason });
  switch (schema.type) {
    case "integer": {
      if (!/^-?\d{1,15}$/.test(text)) throw error("InvalidQueryParameterValue", "Expected a whole number");
      const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = schema;
      const value = Number(text);
      if (value < minimum || value > maximum)
        throw error("OutOfRangeQueryParameterValue", `Expected a number ${rangeText(minimum, maximum)}`);
      return value;
    }
    case "boolean":
      if (!/^(true|false)$/i.test(text)) throw error("InvalidQueryParameterValue", "Expected true or false");
      return text.toLowerCase() === "true";
    default:
      if (schema.format === "date-time" && !isDateTime(text))
        throw error("InvalidQueryParameterValue", "Expected a time such as 2026-01-31T12:00:00Z");
      return text;
  }
}

const rangeText = (minimum: number, maximum: number) =>
  Number.isFinite(maximum) ? `from ${minimum} to ${maximum}` : `of at least ${minimum}`;
