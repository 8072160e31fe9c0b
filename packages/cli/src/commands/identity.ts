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

/** A table: headings, and a line for each. */
export async function listIdentities(flags: readonly string[]): Promise<string> {
  const principals = await withServersDatabase(await readConfig(flags), listServicePrincipals);
  const rows = principals.map(({ name, role, accountName, clientId }) => [name, role, accountName ?? "*", clientId]);
  const table = [["NAME", "ROLE", "ACCOUNT", "CLIENT ID"], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table.map((row) => `${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}\n`).join("");
}
