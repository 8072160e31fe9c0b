import type { Fragment } from "postgres";
import type { Sql } from "./database.ts";

/** A row of a list, with the bytes of what a client gave for it. */
export type Sized<Row> = Row & { readonly specBytes: number };

/** A page ends with the row that makes it this large. */
const pageBytes = 4 * 1024 * 1024;

/**
 * The first of `rows` that are together as large as a page may be; what comes after them is not read.
 * @param rows a query in the order of `key` with a limit, whose rows have `spec_bytes`
 */
export function firstBytes(sql: Sql, rows: Fragment, key: "id" | "key" | "name" | "thumbprint"): Fragment {
  return sql`
    select * from (
      select listed.*, sum(listed.spec_bytes) over (
        order by listed.${sql(key)} rows between unbounded preceding and 1 preceding
      ) as bytes_before
      from (${rows}) listed
    ) measured
    where coalesce(bytes_before, 0) < ${pageBytes}
    order by ${sql(key)}`;
}

/** Whether a list ended because of its size, so that more may follow; rows without a size are small. */
export function isFull(rows: readonly object[]): boolean {
  return rows.reduce((bytes, row) => bytes + sizeOf(row), 0) >= pageBytes;
}

const sizeOf = (row: object) => ("specBytes" in row && typeof row.specBytes === "number" ? row.specBytes : 0);
