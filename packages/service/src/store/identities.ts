import type { Role } from "../domain/account/caller.ts";
import { asJson, type Sql } from "./database.ts";
import { notify } from "./notices.ts";

/** A program that signs in with an id and a secret of its own. */
export interface ServicePrincipal {
  readonly clientId: string;
  readonly name: string;
  readonly role: Role;
  /** The only account it may use; all of them when null. */
  readonly accountName: string | null;
  readonly creationTime: Date;
}

export interface NewServicePrincipal extends ServicePrincipal {
  /** SHA-256 of the secret. */
  readonly secretHash: Buffer;
}

/** False when there is one of that name. */
export async function insertServicePrincipal(sql: Sql, principal: NewServicePrincipal): Promise<boolean> {
  const inserted = await sql`
    insert into service_principal (client_id, name, secret_hash, role, account_name, creation_time)
    values (${principal.clientId}, ${principal.name}, ${principal.secretHash}, ${principal.role},
      ${principal.accountName}, ${principal.creationTime})
    on conflict (name) do nothing returning client_id`;
  await notify(sql, "principals");
  return inserted.length > 0;
}

export async function readServicePrincipal(
  sql: Sql,
  clientId: string,
): Promise<(ServicePrincipal & { readonly secretHash: Buffer }) | undefined> {
  if (!/^[0-9a-f-]{36}$/i.test(clientId)) return undefined;
  const [principal] = await sql<(ServicePrincipal & { secretHash: Buffer })[]>`
    select * from service_principal where client_id::text = ${clientId.toLowerCase()}`;
  return principal;
}

export async function listServicePrincipals(sql: Sql): Promise<ServicePrincipal[]> {
  return sql<ServicePrincipal[]>`
    select client_id, name, role, account_name, creation_time from service_principal order by name`;
}

/** False when there is none of that name. */
export async function deleteServicePrincipal(sql: Sql, name: string): Promise<boolean> {
  const deleted = await sql`delete from service_principal where name = ${name} returning client_id`;
  await notify(sql, "principals");
  return deleted.length > 0;
}

export interface IssuerKey {
  readonly kid: string;
  /** As a JSON Web Key. */
  readonly privateKey: Readonly<Record<string, unknown>>;
}

/** The key of the local issuer; `fresh` becomes it when there is none yet. */
export async function keepIssuerKey(sql: Sql, fresh: IssuerKey, now: Date): Promise<IssuerKey> {
  await sql`
    insert into issuer_key (kid, private_key, creation_time)
    values (${fresh.kid}, ${asJson(fresh.privateKey)}::text::jsonb, ${now}) on conflict do nothing`;
  const [kept] = await sql<IssuerKey[]>`select kid, private_key from issuer_key`;
  return kept ?? fresh;
}
