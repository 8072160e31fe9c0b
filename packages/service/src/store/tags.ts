import type { Tags } from "../domain/tags.ts";
import { asJson, type Sql } from "./database.ts";

/** Replaces the tags of a row, if any are given; it has another ETag then. */
export async function saveTags(
  sql: Sql,
  table: "pool" | "application" | "application_package" | "certificate",
  { pk, tags }: { readonly pk: number; readonly tags: Tags | undefined },
): Promise<void> {
  if (!tags) return;
  await sql`
    update ${sql(table)} set tags = new.tags, etag = next_etag()
    from (select ${asJson(tags)}::text::jsonb as tags) new
    where pk = ${pk} and ${sql(table)}.tags is distinct from new.tags`;
}
