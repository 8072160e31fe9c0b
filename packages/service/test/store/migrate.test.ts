import { migrate } from "@kyanite/service";
import { temporaryDatabase } from "@kyanite/testkit";
import { expect, test } from "vitest";

const now = new Date("2026-01-01T00:00:00Z");

test("a schema that is up to date stays as it is, whoever starts beside us", async () => {
  await using temporary = await temporaryDatabase();
  const { database } = temporary;
  const versions = () => database<{ version: number }[]>`select version from schema_migration order by version`;
  const before = await versions();
  await Promise.all([migrate(database, now), migrate(database, now), migrate(database, now)]);
  expect([...(await versions())]).toEqual([...before]);
});

test("a database that a newer Kyanite wrote is refused, and what to do is said", async () => {
  await using temporary = await temporaryDatabase();
  const { database } = temporary;
  await database`insert into schema_migration values (9999, ${now})`;
  await expect(migrate(database, now)).rejects.toThrow(/has schema 9999.*Start the newer Kyanite/);
});
