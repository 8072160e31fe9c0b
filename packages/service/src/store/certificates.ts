import { CertificateState } from "@kyanite/contract";
import type { Account } from "../domain/account/account.ts";
import type { Certificate } from "../domain/account/certificate.ts";
import type { Filter } from "../domain/filter.ts";
import { asJson, type Sql } from "./database.ts";
import { type FilterColumns, filterToSql } from "./filter.ts";
import { firstBytes, type Sized } from "./page.ts";

export type NewCertificate = Pick<
  Certificate,
  "thumbprint" | "lastModified" | "publicData" | "format" | "data" | "password"
>;

/** What `$filter` may say of certificates. */
const certificateFilterColumns: FilterColumns = {
  state: { column: "state", type: "state", operators: ["eq", "ne"], values: CertificateState.enum },
  stateTransitionTime: { column: "state_transition_time", type: "time" },
};

/** What `$filter` may say of certificates on the management plane, where they have names. */
export const namedCertificateFilterColumns: FilterColumns = {
  ...certificateFilterColumns,
  name: { column: "('sha1-' || thumbprint)", type: "id" },
};

/** Inserts a certificate; undefined when the account has it. */
export async function insertCertificate(
  sql: Sql,
  account: Account,
  certificate: NewCertificate,
): Promise<{ etag: string } | undefined> {
  const { thumbprint, lastModified, publicData, format, data, password } = certificate;
  const [inserted] = await sql<{ etag: string }[]>`
    insert into certificate (
      account_pk, thumbprint, last_modified, state, state_transition_time, public_data, format, data, password
    ) values (
      ${account.pk}, ${thumbprint}, ${lastModified}, 'active', ${lastModified}, ${publicData}, ${format}, ${data},
      ${password}
    ) on conflict (account_pk, thumbprint) do nothing
    returning etag`;
  return inserted;
}

export async function readCertificate(
  sql: Sql,
  account: Account,
  thumbprint: string,
): Promise<Certificate | undefined> {
  const [certificate] = await sql<Certificate[]>`
    select * from certificate where account_pk = ${account.pk} and thumbprint = ${thumbprint}`;
  return certificate;
}

export async function lockCertificate(
  sql: Sql,
  account: Account,
  thumbprint: string,
): Promise<Certificate | undefined> {
  const [certificate] = await sql<Certificate[]>`
    select * from certificate where account_pk = ${account.pk} and thumbprint = ${thumbprint} for update`;
  return certificate;
}

/** Those of these certificates that the account has; they stay while the transaction lasts. */
export async function findCertificates(
  sql: Sql,
  account: Account,
  thumbprints: readonly string[],
): Promise<Certificate[]> {
  return sql<Certificate[]>`
    select * from certificate
    where account_pk = ${account.pk} and thumbprint = any(${[...thumbprints]}::text[]) order by pk for share`;
}

/** One page of certificates in the order of their thumbprints, beginning after `after`. */
export async function listCertificates(
  sql: Sql,
  account: Account,
  page: { filter?: Filter; after?: string; limit: number },
  columns = certificateFilterColumns,
): Promise<Sized<Certificate>[]> {
  const rows = sql`
    select *, octet_length(data) + octet_length(public_data) as spec_bytes from certificate
    where account_pk = ${account.pk} and thumbprint > ${page.after ?? ""}
      ${page.filter ? sql`and ${filterToSql(sql, page.filter, columns)}` : sql``}
    order by thumbprint limit ${page.limit}`;
  return sql<Sized<Certificate>[]>`${firstBytes(sql, rows, "thumbprint")}`;
}

/** Ids of the pools that refer to a certificate. */
export async function readPoolsWithCertificate(sql: Sql, certificate: Certificate): Promise<string[]> {
  const pools = await sql<{ id: string }[]>`
    select p.id from pool p
    where p.account_pk = ${certificate.accountPk} and exists (
      select from jsonb_array_elements(p.spec -> 'certificateReferences') as reference
      where lower(replace(reference ->> 'thumbprint', ' ', '')) = ${certificate.thumbprint}
    )
    order by p.key`;
  return pools.map(({ id }) => id);
}

export async function saveCertificate(sql: Sql, certificate: Certificate): Promise<{ etag: string }> {
  const [saved] = await sql<{ etag: string }[]>`
    update certificate set
      etag = next_etag(),
      last_modified = ${certificate.lastModified},
      state = ${certificate.state},
      state_transition_time = ${certificate.stateTransitionTime},
      previous_state = ${certificate.previousState},
      previous_state_transition_time = ${certificate.previousStateTransitionTime},
      delete_error = ${certificate.deleteError ? asJson(certificate.deleteError) : null}::text::jsonb
    where pk = ${certificate.pk}
    returning etag`;
  return { etag: saved?.etag ?? certificate.etag };
}

export async function deleteCertificate(sql: Sql, pk: number): Promise<void> {
  await sql`delete from certificate where pk = ${pk}`;
}

/** Those of these certificates that the account of a run has. */
export async function readCertificatesOfRun(
  sql: Sql,
  run: { readonly accountName: string },
  thumbprints: readonly string[],
): Promise<Certificate[]> {
  return sql<Certificate[]>`
    select c.* from certificate c join account a on a.pk = c.account_pk
    where a.name = ${run.accountName} and c.thumbprint = any(${[...thumbprints]}::text[])
    order by c.thumbprint`;
}
