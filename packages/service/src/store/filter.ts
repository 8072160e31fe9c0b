import type postgres from "postgres";
import type { Comparison, Filter, Literal } from "../domain/filter.ts";
import { checkFilter, type Filterable } from "../domain/filterable.ts";
import type { Sql } from "./database.ts";

/** A property that `$filter` may name, and the expression that holds it; the expression is ours, never a client's. */
export interface FilterColumn extends Filterable {
  readonly column: string;
}

export type FilterColumns = Readonly<Record<string, FilterColumn>>;

type Fragment = postgres.PendingQuery<postgres.Row[]>;

/**
 * The condition of a filter, with every value as a bound parameter. As in {@link matches}, an absent value satisfies
 * nothing but `ne`.
 * @throws BatchError InvalidQueryParameterValue for a property, operator or literal that the list does not take
 */
export function filterToSql(sql: Sql, filter: Filter, columns: FilterColumns): Fragment {
  checkFilter(filter, columns);
  return compile(sql, filter, columns);
}

function compile(sql: Sql, filter: Filter, columns: FilterColumns): Fragment {
  switch (filter.kind) {
    case "and":
      return sql`(${compile(sql, filter.left, columns)} and ${compile(sql, filter.right, columns)})`;
    case "or":
      return sql`(${compile(sql, filter.left, columns)} or ${compile(sql, filter.right, columns)})`;
    case "startswith":
      return sql`starts_with(${sql.unsafe(columnOf(filter.property, columns).column)}, ${filter.prefix.toLowerCase()})`;
    case "compare":
      return comparison(sql, filter, columnOf(filter.property, columns));
  }
}

function columnOf(property: string, columns: FilterColumns): FilterColumn {
  const column = columns[property];
  if (!column) throw new Error(`a filter by ${property} was not checked`);
  return column;
}

function comparison(sql: Sql, { operator, value }: Comparison, column: FilterColumn): Fragment {
  const isLowered = column.type === "state" || column.type === "text";
  const left = sql.unsafe(isLowered ? `lower(${column.column})` : column.column);
  const right = parameter(sql, column, value);
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

function parameter(sql: Sql, { type }: FilterColumn, value: Literal): Fragment {
  switch (type) {
    case "integer":
      return sql`${Number(value)}::bigint`;
    case "boolean":
      return sql`${value === true}::boolean`;
    case "time":
      return sql`${value instanceof Date ? value : new Date(String(value))}::timestamptz`;
    default:
      return sql`${String(value).toLowerCase()}::text`;
  }
}
