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
 * nothing: filters have no negation, so that what is unknown counts as false. Comparisons stand bare, for an
 * index to be used.
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
      return beginning(sql, columnOf(filter.property, columns).column, filter.prefix.toLowerCase());
    case "compare":
      return comparison(sql, filter, columnOf(filter.property, columns));
  }
}

/** As a range, which an index on the column answers; nothing that begins so is greater than its end. */
function beginning(sql: Sql, column: string, prefix: string): Fragment {
  const left = sql.unsafe(`(${column} collate "C")`);
  return sql`(${left} >= ${prefix} and ${left} < ${`${prefix}\u{10ffff}`} and starts_with(${left}, ${prefix}))`;
}

function columnOf(property: string, columns: FilterColumns): FilterColumn {
  const column = columns[property];
  if (!column) throw new Error(`a filter by ${property} was not checked`);
  return column;
}

function comparison(sql: Sql, { operator, value }: Comparison, column: FilterColumn): Fragment {
  const isLowered = column.type === "text" || (column.type === "state" && !column.values);
  const left = sql.unsafe(isLowered ? `lower(${column.column})` : column.column);
  const right = parameter(sql, column, value);
  switch (operator) {
    case "eq":
      return sql`${left} = ${right}`;
    case "ne":
      return sql`${left} <> ${right}`;
    case "gt":
      return sql`${left} > ${right}`;
    case "ge":
      return sql`${left} >= ${right}`;
    case "lt":
      return sql`${left} < ${right}`;
    case "le":
      return sql`${left} <= ${right}`;
  }
}

function parameter(sql: Sql, { type, values }: FilterColumn, value: Literal): Fragment {
  switch (type) {
    case "integer":
      return sql`${Number(value)}::bigint`;
    case "boolean":
      return sql`${value === true}::boolean`;
    case "time":
      return sql`${value instanceof Date ? value : new Date(String(value))}::timestamptz`;
    default: {
      const text = String(value).toLowerCase();
      return sql`${values?.find((each) => each.toLowerCase() === text) ?? text}::text`;
    }
  }
}
