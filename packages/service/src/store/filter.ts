import type postgres from "postgres";
import {
  type Comparison,
  type Filter,
  invalidFilter,
  type Literal,
  type Operator,
  operators,
} from "../domain/filter.ts";
import type { Sql } from "./database.ts";

/** A property that `$filter` may name, and the expression that holds it; the expression is ours, never a client's. */
export interface FilterColumn {
  readonly column: string;
  /** `id`: a lower-case key, ordered byte by byte; it also takes `startswith`. */
  readonly type: "id" | "time" | "integer" | "state" | "boolean" | "text";
  /** All unless given. */
  readonly operators?: readonly Operator[];
}

export type FilterColumns = Readonly<Record<string, FilterColumn>>;

type Fragment = postgres.PendingQuery<postgres.Row[]>;

/**
 * The condition of a filter, with every value as a bound parameter. As in {@link matches}, an absent value satisfies
 * nothing but `ne`.
 * @throws BatchError InvalidQueryParameterValue for a property, operator or literal that the list does not take
 */
export function filterToSql(sql: Sql, filter: Filter, columns: FilterColumns): Fragment {
  switch (filter.kind) {
    case "and":
      return sql`(${filterToSql(sql, filter.left, columns)} and ${filterToSql(sql, filter.right, columns)})`;
    case "or":
      return sql`(${filterToSql(sql, filter.left, columns)} or ${filterToSql(sql, filter.right, columns)})`;
    case "startswith": {
      const column = columnOf(filter.property, columns);
      if (column.type !== "id")
        throw invalidFilter(filter.property, `startswith is not supported for ${filter.property}`);
      return sql`starts_with(${sql.unsafe(column.column)}, ${filter.prefix.toLowerCase()})`;
    }
    case "compare":
      return comparison(sql, filter, columnOf(filter.property, columns));
  }
}

function columnOf(property: string, columns: FilterColumns): FilterColumn {
  const column = Object.hasOwn(columns, property) ? columns[property] : undefined;
  if (!column)
    throw invalidFilter(property, `${property} cannot be filtered by; these can: ${Object.keys(columns).join(", ")}`);
  return column;
}

function comparison(sql: Sql, { property, operator, value }: Comparison, column: FilterColumn): Fragment {
  const allowed = column.operators ?? operators;
  if (!allowed.includes(operator)) throw invalidFilter(property, `${property} takes only ${allowed.join(", ")}`);
  const left = sql.unsafe(isText(column) && column.type !== "id" ? `lower(${column.column})` : column.column);
  const right = parameter(sql, property, column, value);
  switch (operator) {
    case "eq":
      return sql`coalesce(${left} = ${right}, false)`;
    case "ne":
      return sql`${left} is distinct from ${right}`;
    case "gt":
      return sql`coalesce(${left} > ${right}, false)`;
    case "ge":
      return sql`coalesce(${left} >= ${right}, false)`;
    case "lt":
      return sql`coalesce(${left} < ${right}, false)`;
    case "le":
      return sql`coalesce(${left} <= ${right}, false)`;
  }
}

function isText({ type }: FilterColumn): boolean {
  return type === "id" || type === "state" || type === "text";
}

function parameter(sql: Sql, property: string, column: FilterColumn, value: Literal): Fragment {
  if (isText(column) && typeof value === "string") return sql`${value.toLowerCase()}::text`;
  if (column.type === "integer" && typeof value === "number") return sql`${value}::bigint`;
  if (column.type === "boolean" && typeof value === "boolean") return sql`${value}::boolean`;
  if (column.type === "time") {
    const time = typeof value === "string" ? new Date(value) : value;
    if (time instanceof Date && !Number.isNaN(time.getTime())) return sql`${time}::timestamptz`;
  }
  throw invalidFilter(property, `${property} is compared with ${wanted[column.type]}`);
}

const wanted: Readonly<Record<FilterColumn["type"], string>> = {
  id: "a text in quotes",
  state: "a text in quotes",
  text: "a text in quotes",
  integer: "a whole number",
  boolean: "true or false",
  time: "a time such as DateTime'2026-01-31T12:00:00Z'",
};
