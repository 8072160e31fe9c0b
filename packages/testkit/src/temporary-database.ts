import { randomBytes } from "node:crypto";
import { type Database, type DatabaseAddress, openDatabase } from "@kyanite/service";
import { inject } from "vitest";
import { templateDatabase } from "./global-setup.ts";

/** A migrated database of a test's own; gone when it is disposed. */
export interface TemporaryDatabase extends AsyncDisposable {
  readonly address: DatabaseAddress;
  readonly database: Database;
}

export async function temporaryDatabase(): Promise<TemporaryDatabase> {
  const server = inject("postgres");
  const name = `test_${randomBytes(6).toString("hex")}`;
  const maintenance = openDatabase({ ...server, maxConnections: 1 });
  await maintenance`create database ${maintenance(name)} template ${maintenance(templateDatabase)}`;
  const address = { ...server, database: name };
  const database = openDatabase({ ...address, maxConnections: 8 });
  return {
    address,
    database,
    async [Symbol.asyncDispose]() {
      await database.end({ timeout: 2 });
      await maintenance`drop database ${maintenance(name)} with (force)`;
      await maintenance.end();
    },
  };
}
