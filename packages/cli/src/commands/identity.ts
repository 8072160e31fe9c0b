import { readConfig } from "@kyanite/service/config";
import {
  addServicePrincipal,
  deleteServicePrincipal,
  isRole,
  listServicePrincipals,
  localTenant,
  roles,
  withServersDatabase,
} from "@kyanite/service/identity/principals";

export interface PrincipalOptions {
  readonly role: string;
  readonly account?: string;
}

/** Makes a service principal; its secret is shown this once. */
export async function addIdentity(name: string, { role, account }: PrincipalOptions, flags: readonly string[]) {
  if (!isRole(role)) throw new Error(`${JSON.stringify(role)} is no role: choose one of ${roles.join(", ")}`);
  const added = await withServersDatabase(await readConfig(flags), (database) =>
    addServicePrincipal(database, { name, role, accountName: account ?? null }, new Date()),
  );
  if (!added) throw new Error(`there is a service principal ${name} already: remove it first, or choose another name`);
  return [
    `AZURE_CLIENT_ID=${added.clientId}`,
    `AZURE_CLIENT_SECRET=${added.secret}`,
    `AZURE_TENANT_ID=${localTenant}`,
    "",
  ].join("\n");
}

export async function removeIdentity(name: string, flags: readonly string[]): Promise<void> {
  const isRemoved = await withServersDatabase(await readConfig(flags), (database) =>
    deleteServicePrincipal(database, name),
  );
  if (!isRemoved) throw new Error(`there is no service principal ${name}`);
}

/** A line for each: name, role, account, client id. */
export async function listIdentities(flags: readonly string[]): Promise<string> {
  const principals = await withServersDatabase(await readConfig(flags), listServicePrincipals);
  return principals
    .map(({ name, role, accountName, clientId }) => `${name}\t${role}\t${accountName ?? "*"}\t${clientId}\n`)
    .join("");
}
