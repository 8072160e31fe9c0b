import { type Application, type ApplicationPackage, ManagementError } from "@kyanite/contract";
import type { Account } from "../../../domain/account/account.ts";
import type {
  Application as OwnApplication,
  ApplicationPackage as OwnPackage,
} from "../../../domain/account/application.ts";
import { wireTags } from "../../../domain/tags.ts";
import { after, isoTime } from "../../../domain/time.ts";
import {
  activatePackage,
  blobOf,
  changeApplication,
  insertPromotion,
  preparePackage,
  putApplication,
  removeApplication,
  removePackage,
  uploadSeconds,
} from "../../../lifecycle/application.ts";
import { lockExistingApplication, readExistingApplication, readExistingPackage } from "../../../lifecycle/existing.ts";
import { listApplications, listPackages, readApplication, readPackage } from "../../../store/applications.ts";
import { saveTags } from "../../../store/tags.ts";
import { oneMore, pageOf } from "../../lists.ts";
import { isAz, relayedUrl } from "../../upload-relay.ts";
import { accountId, type ManagementContext, type ManagementHandlers, weakEtag } from "../handler.ts";

export const applicationHandlers = ({ database, storage }: ManagementContext) => {
  const withUrl = async (account: Account, application: OwnApplication, of: OwnPackage, asked: Asked) => {
    const wanted = urlOf(of, asked);
    if (!wanted) return wirePackage(account, application, of);
    const { contentId, permissions, expiresOn } = wanted;
    const url = await storage.signedUrl({ ...blobOf(application, of, contentId), permissions, expiresOn });
    return wirePackage(account, application, of, { url, expiresOn });
  };

  /** Copies what was uploaded, if something was; the copy is all the nodes' own. Answers the id of the content. */
  const promote = async (application: OwnApplication, found: OwnPackage, now: Date) => {
    // Whether something was uploaded is asked before anything is locked: the storage may take its time.
    const sourceId = found.uploadId ?? found.contentId;
    if (sourceId === null || !(await storage.hasBlob(blobOf(application, found, sourceId))))
      throw new ManagementError("ApplicationPackageBlobNotFound");
    if (found.uploadId === null) return sourceId;
    const contentId = await insertPromotion(database, application, found, now);
    const to = blobOf(application, found, contentId).blob;
    await storage.copyBlob({ ...blobOf(application, found, sourceId), to, expiresOn: after(now, uploadSeconds) });
    return contentId;
  };

  return {
    Application_List: async ({ account, list }) => {
      const applications = await listApplications(database, account, oneMore(list));
      const keyOf = ({ id }: OwnApplication) => id.toLowerCase();
      return { body: pageOf(applications, list.limit, keyOf, (each) => wireApplication(account, each)) };
    },

    Application_Create: async ({ account, params, body, transaction }) => {
      const application = await transaction(async (sql) => {
        const { pk } = await putApplication(sql, account, params.applicationName, body?.properties ?? {});
        await saveTags(sql, "application", { pk, tags: body?.tags });
        return lockExistingApplication(sql, account, params.applicationName);
      });
      return { body: wireApplication(account, application) };
    },

    Application_Get: async ({ account, params }) => ({
      body: wireApplication(account, await readExistingApplication(database, account, params.applicationName)),
    }),

    Application_Update: async ({ account, params, body, transaction }) => {
      const application = await transaction(async (sql) => {
        const present = await lockExistingApplication(sql, account, params.applicationName);
        await changeApplication(sql, present, body.properties ?? {});
        await saveTags(sql, "application", { pk: present.pk, tags: body.tags });
        return lockExistingApplication(sql, account, params.applicationName);
      });
      return { body: wireApplication(account, application) };
    },

    Application_Delete: async ({ account, params, transaction }) => {
      if (!(await readApplication(database, account, params.applicationName))) return { status: 204 };
      await transaction((sql) => removeApplication(sql, account, params.applicationName));
      return {};
    },

    ApplicationPackage_List: async ({ account, params, list }) => {
      const application = await readExistingApplication(database, account, params.applicationName);
      const packages = await listPackages(database, application, oneMore(list));
      const keyOf = ({ version }: OwnPackage) => version.toLowerCase();
      return { body: pageOf(packages, list.limit, keyOf, (each) => wirePackage(account, application, each)) };
    },

    ApplicationPackage_Create: async ({ account, params, body: given, origin, userAgent, now, transaction }) => {
      const { application, prepared } = await transaction(async (sql) => {
        const application = await lockExistingApplication(sql, account, params.applicationName);
        const { pk } = await preparePackage(sql, account, application, { version: params.versionName, now });
        await saveTags(sql, "application_package", { pk, tags: given?.tags });
        return { application, prepared: await readExistingPackage(sql, application, params.versionName) };
      });
      await storage.ensureContainer(prepared);
      const body = await withUrl(account, application, prepared, { now, mayWrite: true });
      const { storageUrl } = body.properties ?? {};
      if (storageUrl === undefined || !isAz(userAgent)) return { body };
      const relayed = relayedUrl(origin, prepared.storageAccount, storageUrl);
      return { body: { ...body, properties: { ...body.properties, storageUrl: relayed } } };
    },

    ApplicationPackage_Get: async ({ account, params, may, now }) => {
      const application = await readExistingApplication(database, account, params.applicationName);
      const found = await readExistingPackage(database, application, params.versionName);
      const mayWrite = may("ApplicationPackage_Create");
      return { body: await withUrl(account, application, found, { now, mayWrite }) };
    },

    ApplicationPackage_Activate: async ({ account, params, body, now, transaction }) => {
      if (body.format.toLowerCase() !== "zip")
        throw new ManagementError("InvalidRequestBody", "The only format is zip.", "format");
      const application = await readExistingApplication(database, account, params.applicationName);
      const found = await readExistingPackage(database, application, params.versionName);
      const contentId = await promote(application, found, now);
      const active = await transaction(async (sql) => {
        const locked = await lockExistingApplication(sql, account, params.applicationName);
        const present = await readExistingPackage(sql, locked, params.versionName);
        if (present.uploadId !== found.uploadId) throw new ManagementError("ApplicationPackageBlobNotFound");
        return activatePackage(sql, locked, { prepared: present, contentId, now });
      });
      return { body: await withUrl(account, application, active, { now, mayWrite: true }) };
    },

    ApplicationPackage_Delete: async ({ account, params, now, transaction }) => {
      const application = await readApplication(database, account, params.applicationName);
      const found = application && (await readPackage(database, application, params.versionName));
      if (!found) return { status: 204 };
      await transaction((sql) => removePackage(sql, account, params, now));
      return {};
    },
  } satisfies Partial<ManagementHandlers>;
};

interface Asked {
  readonly now: Date;
  /** Whether who asks may upload packages: a URL to write to is as good as that right. */
  readonly mayWrite: boolean;
}

/** What a package's URL is for: to write to while there is something to upload, else to read what is active. */
function urlOf({ uploadId, uploadExpiry, contentId }: OwnPackage, { now, mayWrite }: Asked) {
  if (uploadId !== null && mayWrite) return { contentId: uploadId, permissions: "rcw", expiresOn: uploadExpiry ?? now };
  if (contentId === null) return undefined;
  return { contentId, permissions: "r", expiresOn: after(now, uploadSeconds) };
}

const applicationType = "Microsoft.Batch/batchAccounts/applications";

function wireApplication(account: Account, application: OwnApplication): Application {
  const { id, displayName, allowUpdates, defaultVersion } = application;
  return {
    id: `${accountId(account)}/applications/${id}`,
    name: id,
    type: applicationType,
    etag: weakEtag(application.etag),
    ...wireTags(application),
    properties: {
      ...(displayName === null ? {} : { displayName }),
      allowUpdates,
      ...(defaultVersion === null ? {} : { defaultVersion }),
    },
  };
}

function wirePackage(
  account: Account,
  application: OwnApplication,
  of: OwnPackage,
  storage?: { readonly url: string; readonly expiresOn: Date },
): ApplicationPackage {
  return {
    id: `${accountId(account)}/applications/${application.id}/versions/${of.version}`,
    name: of.version,
    type: `${applicationType}/versions`,
    etag: weakEtag(of.etag),
    ...wireTags(of),
    properties: {
      state: of.contentId === null ? "Pending" : "Active",
      ...(of.contentId === null ? {} : { format: "zip" }),
      ...(storage ? { storageUrl: storage.url, storageUrlExpiry: isoTime(storage.expiresOn) } : {}),
      ...(of.lastActivationTime ? { lastActivationTime: isoTime(of.lastActivationTime) } : {}),
    },
  };
}
