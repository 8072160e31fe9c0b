import { temporaryDatabase } from "@kyanite/testkit";
import { expect, test } from "vitest";
import { isUnfinished } from "../../src/store/database.ts";
import { listServicePrincipals } from "../../src/store/identities.ts";

test("a database whose tables a server has yet to make is told from other trouble", async () => {
  await using temporary = await temporaryDatabase();
  const { database } = temporary;
  const trouble = (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      (cause: unknown) => cause,
    );
  expect(isUnfinished(await trouble(database`select 1/0`))).toBe(false);
  await database`drop schema public cascade`;
  expect(isUnfinished(await trouble(listServicePrincipals(database)))).toBe(true);
});
