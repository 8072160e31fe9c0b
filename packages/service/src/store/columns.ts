/**
 * The text of a statement that gives many rows of a table new values, each column named once. Its parameters are the
 * rows' primary keys as an array, and for each column the text of an array: see `asArray`.
 * @param columns properties with their types in the database
 */
export function updateStatement(table: string, columns: Readonly<Record<string, string>>): string {
  const names = Object.keys(columns).map(columnName);
  const arrays = Object.values(columns).map((type, index) => `$${index + 2}::text::${type}[]`);
  return `
    update ${table} set ${names.map((name) => `${name} = g.${name}`).join(", ")}
    from unnest($1::bigint[], ${arrays.join(", ")}) as g (pk, ${names.join(", ")})
    where ${table}.pk = g.pk and ${table}.pk = any($1::bigint[])`;
}

/** As a property's name is written in the database. */
const columnName = (property: string) => property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
