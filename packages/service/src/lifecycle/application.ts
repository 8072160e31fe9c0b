import { createHash, randomBytes } from "node:crypto";
import {
  type Application as ApplicationBody,
  type ApplicationPackageReference,
  BatchError,
  ManagementError,
} from "@kyanite/contract";
import type { Account } from "../domain/account/account.ts";
import {
  type Application,
  type ApplicationPackage,
  applicationQuota,
  blobName,
  isInstallable,
  packageDirectory,
  packageQuota,
  problemOf,
} from "../domain/account/application.ts";
import type { BlobPlace } from "../domain/account/storage.ts";
import { after } from "../domain/time.ts";
import {
  cancelBlobRemoval,
  countApplications,
  deleteApplication,
  deletePackage,
  insertApplication,
  insertBlobRemovals,
  insertPackage,
  listPackages,
  lockApplication,
  readPackage,
  removeFromNodes,
  resolvePackages,
  saveApplication,
  savePackage,
} from "../store/applications.ts";
import type { Sql } from "../store/database.ts";
import { requireAccount } from "./account.ts";
import { readExistingPackage } from "./existing.ts";

/** How long a URL for an upload is good. */
export const uploadSeconds = 4 * 3600;
/** How long a blob is kept after nothing refers to it, because nodes may still be downloading it. */
export const blobGraceSeconds = 3600;

type Wanted = NonNullable<ApplicationBody["properties"]>;

/** Adds an application; one that exists gets the given properties. */
export async function putApplication(sql: Sql, account: Account, id: string, wanted: Wanted): Promise<Application> {
  await requireAccount(sql, account);
  const existing = await lockApplication(sql, account, id);
  if (existing) return changeApplication(sql, existing, wanted);
  if ((await countApplications(sql, account)) >= applicationQuota)
    throw new ManagementError("ApplicationQuotaReached", `There may be ${applicationQuota}.`);
  if (wanted.defaultVersion) throw new ManagementError("ApplicationPackageNotFound", undefined, "defaultVersion");
  const inserted = await insertApplication(sql, account, {
    id,
    displayName: wanted.displayName ?? null,
    allowUpdates: wanted.allowUpdates ?? true,
  });
  return inserted ?? putApplication(sql, account, id, wanted);
}

/** Changes the given properties. An empty default version is none. */
export async function changeApplication(sql: Sql, application: Application, wanted: Wanted): Promise<Application> {
  const version = wanted.defaultVersion;
  const found = version ? await readPackage(sql, application, version) : undefined;
  if (version && !found) throw new ManagementError("ApplicationPackageNotFound", undefined, "defaultVersion");
  return saveApplication(sql, {
    ...application,
    displayName: wanted.displayName ?? application.displayName,
    allowUpdates: wanted.allowUpdates ?? application.allowUpdates,
    defaultVersion: version === undefined ? application.defaultVersion : (found?.version ?? null),
  });
}

/** Deletes an application without packages; answers false when there is none. */
export async function removeApplication(sql: Sql, account: Account, id: string): Promise<void> {
  const application = await lockApplication(sql, account, id);
  if (!application) return;
  if ((await listPackages(sql, application, { limit: 1 })).length > 0)
    throw new ManagementError("ApplicationHasPackages");
  await deleteApplication(sql, application.pk);
}

/**
 * Adds a package, or prepares the replacement of one: until the activation nodes go on getting what was active before.
 * @throws ManagementError when the account has no storage, the application forbids it, or has too many packages
 */
export async function preparePackage(
  sql: Sql,
  account: Account,
  application: Application,
  { version, now }: { readonly version: string; readonly now: Date },
): Promise<ApplicationPackage> {
  const storageAccount = account.storageAccount;
  if (storageAccount === null) throw new ManagementError("AutoStorageNotConfigured");
  const existing = await readPackage(sql, application, version);
  if (existing) checkUpdatesAllowed(application, existing);
  const container = containerOf(account, application);
  const target = existing ?? (await addPackage(sql, application, { version, storageAccount, container }));
  // What may be half-uploaded stays where it is until then.
  await discardUpload(sql, application, target, now);
  const uploadId = newContentId();
  if (target.contentId !== null && target.storageAccount !== storageAccount)
    throw new ManagementError("StorageAccountNotFound", "The package is in a storage account that was linked before.");
  return savePackage(sql, { ...target, storageAccount, container, uploadId, uploadExpiry: after(now, uploadSeconds) });
}

const newContentId = () => randomBytes(6).toString("hex");

async function addPackage(
  sql: Sql,
  application: Application,
  added: Pick<ApplicationPackage, "version" | "storageAccount" | "container">,
): Promise<ApplicationPackage> {
  if ((await listPackages(sql, application, { limit: packageQuota })).length >= packageQuota)
    throw new ManagementError("ApplicationPackageQuotaReached", `There may be ${packageQuota}.`);
  const inserted = await insertPackage(sql, application, added);
  return inserted ?? readExistingPackage(sql, application, added.version);
}

function checkUpdatesAllowed({ allowUpdates }: Application, { contentId }: ApplicationPackage): void {
  if (!allowUpdates && contentId !== null) throw new ManagementError("ApplicationPackageUpdatesNotAllowed");
}

/** Container names are lower-case and short; the hash keeps accounts and applications apart. */
function containerOf(account: Account, application: Application): string {
  const hash = createHash("sha256").update(`${account.pk}/${account.name}/${application.id.toLowerCase()}`);
  return `app-${hash.digest("hex").slice(0, 40)}`;
}

/**
 * What was uploaded is what nodes get from now on; what they got before goes.
 * @param contentId of the copy of what was uploaded, see {@link insertPromotion}
 * @throws ManagementError ApplicationPackageBlobNotFound when the copy was too long in coming
 */
export async function activatePackage(
  sql: Sql,
  application: Application,
  {
    prepared,
    contentId,
    now,
  }: { readonly prepared: ApplicationPackage; readonly contentId: string; readonly now: Date },
): Promise<ApplicationPackage> {
  if (prepared.uploadId === null) return savePackage(sql, { ...prepared, lastActivationTime: now });
  if (!(await cancelBlobRemoval(sql, blobOf(application, prepared, contentId))))
    throw new ManagementError("ApplicationPackageBlobNotFound");
  await discardUpload(sql, application, prepared, now);
  if (prepared.contentId !== null) await discard(sql, application, prepared, prepared.contentId, now);
  return savePackage(sql, {
    ...prepared,
    contentId,
    uploadId: null,
    uploadExpiry: null,
    lastActivationTime: now,
  });
}

/**
 * Notes that the uploaded blob is being copied to a name that the upload URL does not open. Otherwise whoever has that
 * URL could change what nodes get. The copy is deleted unless the package is activated.
 * @returns the id of the new content
 */
export async function insertPromotion(
  sql: Sql,
  application: Application,
  prepared: ApplicationPackage,
  now: Date,
): Promise<string> {
  const contentId = newContentId();
  await insertBlobRemovals(sql, [blobOf(application, prepared, contentId)], after(now, blobGraceSeconds));
  return contentId;
}

/**
 * Deletes a package with its blobs, and takes it from the nodes; answers false when there is none. An application whose
 * default it was has none then.
 */
export async function removePackage(
  sql: Sql,
  account: Account,
  { applicationName, versionName }: { readonly applicationName: string; readonly versionName: string },
  now: Date,
): Promise<void> {
  const application = await lockApplication(sql, account, applicationName);
  const found = application && (await readPackage(sql, application, versionName));
  if (!found) return;
  checkUpdatesAllowed(application, found);
  await discardUpload(sql, application, found, now);
  if (found.contentId !== null) await discard(sql, application, found, found.contentId, now);
  await deletePackage(sql, found.pk);
  if (application.defaultVersion?.toLowerCase() === found.version.toLowerCase())
    await saveApplication(sql, { ...application, defaultVersion: null });
}

/** @throws BatchError InvalidApplicationPackageReferences for what cannot be installed now, with the reason for each */
export async function checkPackageReferences(
  sql: Sql,
  account: Account,
  references: readonly ApplicationPackageReference[] | undefined,
): Promise<void> {
  const packages = await resolvePackages(sql, account.pk, references ?? []);
  const missing = packages.filter((each) => !isInstallable(each));
  if (missing.length === 0) return;
  throw new BatchError(
    "InvalidApplicationPackageReferences",
    Object.fromEntries(
      missing.map((each) => [`${each.applicationId}${each.version === "" ? "" : ` ${each.version}`}`, problemOf(each)]),
    ),
  );
}

/** The blob that holds one content of a package. */
export function blobOf(application: Application, of: ApplicationPackage, contentId: string): BlobPlace {
  const { storageAccount, container, version } = of;
  return { storageAccount, container, blob: blobName(application.id, version, contentId) };
}

/** What nodes have or are fetching. */
async function discard(
  sql: Sql,
  application: Application,
  of: ApplicationPackage,
  contentId: string,
  now: Date,
): Promise<void> {
  await insertBlobRemovals(sql, [blobOf(application, of, contentId)], after(now, blobGraceSeconds));
  const directory = packageDirectory({ applicationId: application.id, version: of.version, contentId });
  await removeFromNodes(sql, application.accountPk, { directory, contentId });
}

/**
 * Blobs that a client can still write to until its URL expires. If they were deleted earlier, the client could create
 * them again.
 */
async function discardUpload(sql: Sql, application: Application, of: ApplicationPackage, now: Date): Promise<void> {
  if (of.uploadId === null) return;
  await insertBlobRemovals(
    sql,
    [blobOf(application, of, of.uploadId)],
    after(of.uploadExpiry ?? now, blobGraceSeconds),
  );
}
