import type { Config } from "../config.ts";
import { readRunningPostgres } from "../host/embedded-postgres.ts";
import { noServerIn } from "../host/endpoints.ts";
import { type Database, isUnfinished, openDatabase } from "../store/database.ts";

export type { Role } from "../domain/account/caller.ts";
export { isRole, roles } from "../domain/account/caller.ts";
export { deleteServicePrincipal, listServicePrincipals, type ServicePrincipal } from "../store/identities.ts";
export { addServicePrincipal, localTenant } from "./local-issuer.ts";

const withoutTables =
  'the database has no tables of a server yet: start one on it, and try again once it has logged "ready"';

/**
 * Runs `work` on the database of the server that this configuration describes.
 * @throws when the bundled database is meant and does not run, or no server has made its tables in it yet
 */
export async function withServersDatabase<T>(
  { databaseUrl, dataDir }: Pick<Config, "databaseUrl" | "dataDir">,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const address = databaseUrl === undefined ? await readRunningPostgres(dataDir) : { url: databaseUrl };
  if (!address) throw await noServerIn(dataDir);
  const database = openDatabase({ ...address, maxConnections: 1 });
  try {
    return await work(database);
  } catch (cause) {
    if (!isUnfinished(cause)) throw cause;
    throw databaseUrl === undefined ? await noServerIn(dataDir) : new Error(withoutTables, { cause });
  } finally {
    await database.end({ timeout: 5 });
  }
}
