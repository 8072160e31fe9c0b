import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog, systemClock } from "@kyanite/runtime";
import { type DatabaseAddress, migrate, openDatabase, startEmbeddedPostgres } from "@kyanite/service";
import { startEmbeddedStorage } from "@kyanite/storage";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  export interface ProvidedContext {
    postgres: DatabaseAddress;
    storageConnectionString: string;
  }
}

/** Name of the migrated database of which every test file gets a copy. */
export const templateDatabase = "kyanite_template";

/** Vitest's global set-up: one PostgreSQL and one Azurite for all test files, as the product bundles them. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDirectory = await mkdtemp(join(tmpdir(), "kyanite-tests-"));
  await chmod(dataDirectory, 0o711);
  const means = { clock: systemClock, log: createLog("warn") };
  const [postgres, storage] = await Promise.all([
    startEmbeddedPostgres({ dataDirectory, ...means }),
    startEmbeddedStorage({
      directory: join(dataDirectory, "storage"),
      environment: { PATH: process.env.PATH },
      ...means,
    }),
  ]);
  await makeTemplate(postgres.connection);
  project.provide("postgres", postgres.connection);
  project.provide("storageConnectionString", storage.account.connectionString);
  return async () => {
    await Promise.all([postgres.stop(), storage.stop()]);
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
