import { temporaryDatabase } from "@kyanite/testkit";
import { expect, test } from "vitest";

test("a new database has no pools", async () => {
  await using temporary = await temporaryDatabase();
  expect(await temporary.database`select * from pool`).toEqual([]);
});
