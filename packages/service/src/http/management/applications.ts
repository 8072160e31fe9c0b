import { type Application, type ApplicationPackage, ManagementError } from "@kyanite/contract";
import type { Account } from "../../domain/account.ts";
import type { Application as OwnApplication, ApplicationPackage as OwnPackage } from "../../domain/application.ts";
import { after, isoTime } from "../../domain/time.ts";
import {
  activatePackage,
  blobOf,
  changeApplication,
  lockExistingApplication,
  preparePackage,
  putApplication,
  readExistingPackage,
  removeApplication,
  removePackage,
  uploadSeconds,
} from "../../lifecycle/application.ts";
import { listApplications, listPackages, readApplication } from "../../store/applications.ts";
import { transaction } from "../../store/database.ts";
import { pageOf } from "../lists.ts";
import { isAz, relayedUrl } from "../upload-relay.ts";
import { accountId, type ManagementContext, type ManagementHandlers, weakEtag } from "./handler.ts";

export const applicationHandlers = ({ database, storage }: ManagementContext) => {
  const existing = async (account: Account, id: string) => {
    const application = await readApplication(database, account, id);
    if (!application) throw new ManagementError("ApplicationNotFound");
    return application;
  };

  /** A URL to write to while there is something to upload, else one to read from. */
  const withUrl = async (account: Account, application: OwnApplication, of: OwnPackage, now: Date) => {
    const contentId = of.uploadId ?? of.contentId;
    if (contentId === null) return wirePackage(account, application, of);
    const expiresOn = of.uploadId === null ? after(now, uploadSeconds) : (of.uploadExpiry ?? now);
    const permissions = of.uploadId === null ? "r" : "rcw";
    const url = await storage.signedUrl({ ...blobOf(application, of, contentId), permissions, expiresOn });
    return wirePackage(account, application, of, { url, expiresOn });
  };

  return {
    Application_List: async ({ account, list }) => {
      const applications = await listApplications(database, account, { ...list, limit: list.limit + 1 });
      const keyOf = ({ id }: OwnApplication) => id.toLowerCase();
      return { body: pageOf(applications, list.limit, keyOf, (each) => wireApplication(account, each)) };
    },

    Application_Create: async ({ account, params, body }) => {
      const application = await transaction(database, (sql) =>
        putApplication(sql, account, params.applicationName, body?.properties ?? {}),
      );
      return { body: wireApplication(account, application) };
    },

    Application_Get: async ({ account, params }) => ({
      body: wireApplication(account, await existing(account, params.applicationName)),
    }),

    Application_Update: async ({ account, params, body }) => {
      const application = await transaction(database, async (sql) =>
        changeApplication(
          sql,
          await lockExistingApplication(sql, account, params.applicationName),
          body.properties ?? {},
        ),
      );
      return { body: wireApplication(account, application) };
    },

    Application_Delete: async ({ account, params }) => {
      const isGone = await transaction(database, (sql) => removeApplication(sql, account, params.applicationName));
      return { status: isGone ? 200 : 204 };
    },

    ApplicationPackage_List: async ({ account, params, list }) => {
      const application = await existing(account, params.applicationName);
      const packages = await listPackages(database, application, { ...list, limit: list.limit + 1 });
      const keyOf = ({ version }: OwnPackage) => version.toLowerCase();
      return { body: pageOf(packages, list.limit, keyOf, (each) => wirePackage(account, application, each)) };
    },

    ApplicationPackage_Create: async ({ account, params, origin, userAgent, now }) => {
      const { application, prepared } = await transaction(database, async (sql) => {
        const application = await lockExistingApplication(sql, account, params.applicationName);
        const prepared = await preparePackage(sql, account, application, { version: params.versionName, now });
        return { application, prepared };
      });
      await storage.ensureContainer(prepared);
      const body = await withUrl(account, application, prepared, now);
      const { storageUrl } = body.properties ?? {};
      if (storageUrl === undefined || !isAz(userAgent)) return { body };
      const relayed = relayedUrl(origin, prepared.storageAccount, storageUrl);
      return { body: { ...body, properties: { ...body.properties, storageUrl: relayed } } };
    },

    ApplicationPackage_Get: async ({ account, params, now }) => {
      const application = await existing(account, params.applicationName);
      const found = await readExistingPackage(database, application, params.versionName);
      return { body: await withUrl(account, application, found, now) };
    },

    ApplicationPackage_Activate: async ({ account, params, body, now }) => {
      if (body.format.toLowerCase() !== "zip")
        throw new ManagementError("InvalidRequestBody", "The only format is zip.", "format");
      const application = await existing(account, params.applicationName);
      const found = await readExistingPackage(database, application, params.versionName);
      // Whether something was uploaded is asked before anything is locked: the storage may take its time.
      const contentId = found.uploadId ?? found.contentId;
      if (contentId === null || !(await storage.hasBlob(blobOf(application, found, contentId))))
        throw new ManagementError("ApplicationPackageBlobNotFound");
      const active = await transaction(database, async (sql) => {
        const locked = await lockExistingApplication(sql, account, params.applicationName);
        const present = await readExistingPackage(sql, locked, params.versionName);
        if (present.uploadId !== found.uploadId) throw new ManagementError("ApplicationPackageBlobNotFound");
        return activatePackage(sql, locked, present, now);
      });
      return { body: await withUrl(account, application, active, now) };
    },

    ApplicationPackage_Delete: async ({ account, params, now }) => {
      const isGone = await transaction(database, (sql) => removePackage(sql, account, params, now));
      return { status: isGone ? 200 : 204 };
    },
  } satisfies Partial<ManagementHandlers>;
};

const applicationType = "Microsoft.Batch/batchAccounts/applications";

function wireApplication(account: Account, application: OwnApplication): Application {
  const { id, displayName, allowUpdates, defaultVersion } = application;
  return {
    id: `${accountId(account)}/applications/${id}`,
    name: id,
    type: applicationType,
    etag: weakEtag(application.etag),
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
    properties: {
      state: of.contentId === null ? "Pending" : "Active",
      ...(of.contentId === null ? {} : { format: "zip" }),
      ...(storage ? { storageUrl: storage.url, storageUrlExpiry: isoTime(storage.expiresOn) } : {}),
      ...(of.lastActivationTime ? { lastActivationTime: isoTime(of.lastActivationTime) } : {}),
    },
  };
}
