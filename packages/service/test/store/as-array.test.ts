import { temporaryDatabase } from "@kyanite/testkit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { asArray } from "../../src/store/database.ts";

test("columns of values arrive as they are", async () => {
  await using temporary = await temporaryDatabase();
  const { database } = temporary;
  // PostgreSQL's text has no NUL.
  const text = fc.string({ unit: "binary" }).filter((value) => !value.includes("\0"));
  const instant = fc.date({ min: new Date(0), max: new Date("9999-12-31T00:00:00Z"), noInvalidDate: true });
  const row = fc.record({
    text: fc.option(fc.oneof(text, fc.constantFrom("", "NULL", "null", '"', "\\", "{}", "a,b", " a ", "\n"))),
    number: fc.option(fc.maxSafeInteger()),
    flag: fc.option(fc.boolean()),
    time: fc.option(instant),
    json: fc.option(text.map((value) => ({ value }))),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 20 }), async (rows) => {
      const read = await database`
        select text, number, flag, time, json from unnest(
          ${asArray(rows.map((each) => each.text))}::text::text[],
          ${asArray(rows.map((each) => each.number))}::text::bigint[],
          ${asArray(rows.map((each) => each.flag))}::text::boolean[],
          ${asArray(rows.map((each) => each.time))}::text::timestamptz[],
          ${asArray(rows.map((each) => each.json && JSON.stringify(each.json)))}::text::json[]
        ) as g (text, number, flag, time, json)`;
      expect([...read]).toEqual(rows);
    }),
    { numRuns: 50 },
  );
});
