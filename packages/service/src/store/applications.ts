import type { ApplicationPackageReference } from "@kyanite/contract";
import type { Account } from "../domain/account/account.ts";
import type { Application, ApplicationPackage, ResolvedPackage } from "../domain/account/application.ts";
import type { BlobPlace } from "../domain/account/storage.ts";
import { asJson, type Sql } from "./database.ts";
import { notify } from "./notices.ts";

/** Inserts an application; undefined when the account has one of that name. */
export async function insertApplication(
  sql: Sql,
  account: Account,
  { id, displayName, allowUpdates }: Pick<Application, "id" | "displayName" | "allowUpdates">,
): Promise<Application | undefined> {
  const [inserted] = await sql<Application[]>`
    insert into application (account_pk, key, id, display_name, allow_updates)
    values (${account.pk}, ${id.toLowerCase()}, ${id}, ${displayName}, ${allowUpdates})
    on conflict (account_pk, key) do nothing
    returning *`;
  return inserted;
}

export async function readApplication(sql: Sql, account: Account, id: string): Promise<Application | undefined> {
  const [application] = await sql<Application[]>`
    select * from application where account_pk = ${account.pk} and key = ${id.toLowerCase()}`;
  return application;
}

export async function lockApplication(sql: Sql, account: Account, id: string): Promise<Application | undefined> {
  const [application] = await sql<Application[]>`
    select * from application where account_pk = ${account.pk} and key = ${id.toLowerCase()} for update`;
  return application;
}

export async function saveApplication(sql: Sql, application: Application): Promise<Application> {
  const [saved] = await sql<Application[]>`
    update application set
      etag = next_etag(),
      display_name = ${application.displayName},
      allow_updates = ${application.allowUpdates},
      default_version = ${application.defaultVersion}
    where pk = ${application.pk}
    returning *`;
  return saved ?? application;
}

export async function deleteApplication(sql: Sql, pk: number): Promise<void> {
  await sql`delete from application where pk = ${pk}`;
}

/** One page of applications in the order of their keys, beginning after `after`. */
export async function listApplications(
  sql: Sql,
  account: Account,
  page: { after?: string; limit: number },
): Promise<Application[]> {
  return sql<Application[]>`
    select * from application where account_pk = ${account.pk} and key > ${page.after ?? ""}
    order by key limit ${page.limit}`;
}

export async function countApplications(sql: Sql, account: Account): Promise<number> {
  const [row] = await sql<{ count: number }[]>`select count(*) from application where account_pk = ${account.pk}`;
  return row?.count ?? 0;
}

/** An application as the data plane shows it: with its active versions. */
export interface ApplicationVersions {
  readonly key: string;
  readonly id: string;
  readonly displayName: string | null;
  readonly versions: readonly string[];
}

/** One page of applications that have active packages, in the order of their keys, beginning after `after`. */
export async function listApplicationVersions(
  sql: Sql,
  account: Account,
  page: { after?: string; limit: number },
): Promise<ApplicationVersions[]> {
  return sql<ApplicationVersions[]>`
    select a.key, a.id, a.display_name, array_agg(p.version order by p.key) as versions
    from application a join application_package p on p.application_pk = a.pk and p.content_id is not null
    where a.account_pk = ${account.pk} and a.key > ${page.after ?? ""}
    group by a.pk order by a.key limit ${page.limit}`;
}

export async function readApplicationVersions(
  sql: Sql,
  account: Account,
  id: string,
): Promise<ApplicationVersions | undefined> {
  const [application] = await sql<ApplicationVersions[]>`
    select a.key, a.id, a.display_name, array(
      select p.version from application_package p
      where p.application_pk = a.pk and p.content_id is not null order by p.key
    ) as versions
    from application a where a.account_pk = ${account.pk} and a.key = ${id.toLowerCase()}`;
  return application;
}

type NewPackage = Pick<ApplicationPackage, "version" | "storageAccount" | "container">;

export async function insertPackage(
  sql: Sql,
  application: Application,
  { version, storageAccount, container }: NewPackage,
): Promise<ApplicationPackage | undefined> {
  const [inserted] = await sql<ApplicationPackage[]>`
    insert into application_package (application_pk, key, version, storage_account, container)
    values (${application.pk}, ${version.toLowerCase()}, ${version}, ${storageAccount}, ${container})
    on conflict (application_pk, key) do nothing
    returning *`;
  return inserted;
}

export async function readPackage(
  sql: Sql,
  application: Application,
  version: string,
): Promise<ApplicationPackage | undefined> {
  const [found] = await sql<ApplicationPackage[]>`
    select * from application_package where application_pk = ${application.pk} and key = ${version.toLowerCase()}`;
  return found;
}

/** One page of packages in the order of their keys, beginning after `after`. */
export async function listPackages(
  sql: Sql,
  application: Application,
  page: { after?: string; limit: number },
): Promise<ApplicationPackage[]> {
  return sql<ApplicationPackage[]>`
    select * from application_package where application_pk = ${application.pk} and key > ${page.after ?? ""}
    order by key limit ${page.limit}`;
}

export async function savePackage(sql: Sql, changed: ApplicationPackage): Promise<ApplicationPackage> {
  const [saved] = await sql<ApplicationPackage[]>`
    update application_package set
      etag = next_etag(),
      storage_account = ${changed.storageAccount},
      container = ${changed.container},
      upload_id = ${changed.uploadId},
      upload_expiry = ${changed.uploadExpiry},
      content_id = ${changed.contentId},
      last_activation_time = ${changed.lastActivationTime}
    where pk = ${changed.pk}
    returning *`;
  return saved ?? changed;
}

export async function deletePackage(sql: Sql, pk: number): Promise<void> {
  await sql`delete from application_package where pk = ${pk}`;
}

/** What references mean now, in their order. */
export async function resolvePackages(
  sql: Sql,
  accountPk: number,
  references: readonly ApplicationPackageReference[],
): Promise<readonly ResolvedPackage[]> {
  if (references.length === 0) return [];
  const [row] = await sql<{ packages: ResolvedPackage[] }[]>`
    select resolved_packages(${accountPk}, ${asJson(references)}::text::jsonb) as packages`;
  return row?.packages ?? [];
}

/** Notes blobs that are to go at a time. */
export async function insertBlobRemovals(sql: Sql, blobs: readonly BlobPlace[], dueTime: Date): Promise<void> {
  const rows = blobs.map(({ storageAccount, container, blob }) => ({
    storage_account: storageAccount,
    container,
    blob,
  }));
  await sql`
    insert into blob_removal (storage_account, container, blob, due_time)
    select storage_account, container, blob, ${dueTime}::timestamptz
    from jsonb_to_recordset(${asJson(rows)}::text::jsonb) as g (storage_account text, container text, blob text)`;
}

/** Lets a blob stay that was to go; answers false when it may have gone already. */
export async function cancelBlobRemoval(sql: Sql, { storageAccount, container, blob }: BlobPlace): Promise<boolean> {
  const cancelled = await sql`
    delete from blob_removal
    where storage_account = ${storageAccount} and container = ${container} and blob = ${blob}`;
  return cancelled.count > 0;
}

interface BlobRemoval extends BlobPlace {
  readonly pk: number;
  /** Only the blob of this state is to go. */
  readonly etag: string | null;
}

export async function readDueBlobRemovals(sql: Sql, now: Date): Promise<BlobRemoval[]> {
  return sql<BlobRemoval[]>`
    select * from blob_removal where due_time <= ${now} order by due_time limit 100`;
}

export async function deleteBlobRemovals(sql: Sql, pks: readonly number[]): Promise<void> {
  await sql`delete from blob_removal where pk = any(${[...pks]}::bigint[])`;
}

export async function postponeBlobRemovals(sql: Sql, pks: readonly number[], dueTime: Date): Promise<void> {
  await sql`update blob_removal set due_time = ${dueTime} where pk = any(${[...pks]}::bigint[])`;
}

/** Has the nodes of an account remove an unpacked package, but for those on which it is one of their pool's. */
export async function removeFromNodes(
  sql: Sql,
  accountPk: number,
  { directory, contentId }: { readonly directory: string; readonly contentId: string },
): Promise<void> {
  const asked = await sql`
    with present as (
      select n.pk from node n join pool p on p.pk = n.pool_pk
      where p.account_pk = ${accountPk} and not n.packages @> ${asJson([{ contentId }])}::text::jsonb
      order by n.pk for key share of n
    )
    insert into directory_removal (node_pk, directory) select pk, ${directory} from present`;
  if (asked.count > 0) await notify(sql, "orders");
}
