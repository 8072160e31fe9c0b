import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog, systemClock } from "@kyanite/runtime";
import { type DatabaseAddress, migrate, openDatabase, startEmbeddedPostgres } from "@kyanite/service";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  export interface ProvidedContext {
    postgres: DatabaseAddress;
  }
}

/** Name of the migrated database of which every test file gets a copy. */
export const templateDatabase = "kyanite_template";

/** Vitest's global set-up: one PostgreSQL for all test files, as the product bundles it. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDirectory = await mkdtemp(join(tmpdir(), "kyanite-tests-"));
  await chmod(dataDirectory, 0o711);
  const postgres = await startEmbeddedPostgres({ dataDirectory, clock: systemClock, log: createLog("warn") });
  await makeTemplate(postgres.connection);
  project.provide("postgres", postgres.connection);
  return async () => {
    await postgres.stop();
    await rm(dataDirectory, { recursive: true, force: true });
  };
}

async function makeTemplate(address: DatabaseAddress): Promise<void> {
  const maintenance = openDatabase({ ...address, maxConnections: 1 });
  await maintenance`create database ${maintenance(templateDatabase)}`;
  await maintenance.end();
  const template = openDatabase({ ...address, database: templateDatabase, maxConnections: 1 });
  await migrate(template, systemClock.now());
  await template.end();
}
