import type { Failure, RunOrder } from "@kyanite/contract";
import {
  allPackages,
  isInstallable,
  orderedPackage,
  packageBlob,
  packageFailure,
} from "../../domain/account/application.ts";
import { orderedCertificate, visibleThumbprints } from "../../domain/account/certificate.ts";
import type { StorageAccounts } from "../../domain/account/storage.ts";
import { containerFailure } from "../../domain/run/containers.ts";
import type { Run, TaskRun } from "../../domain/run/run.ts";
import { autoStorageContainers, type KeepingSettings, runOrder } from "../../domain/run/run-order.ts";
import { after } from "../../domain/time.ts";
import { readCertificatesOfRun } from "../../store/certificates.ts";
import type { Database } from "../../store/database.ts";

/** What an agent is told to do for a run, or why nobody can do it. */
export type OrderOutcome =
  | { readonly kind: "order"; readonly order: RunOrder }
  | { readonly kind: "failure"; readonly runId: string; readonly failure: Failure };

export interface OrderMeans {
  readonly database: Database;
  readonly storage: StorageAccounts;
  readonly taskToken: (run: TaskRun) => string;
  /** Where tasks reach the service. */
  readonly accountUrl: () => string;
  readonly keeping: KeepingSettings;
  readonly now: () => Date;
}

/** How long a URL of the account's own storage that is given to a node is good, at least. */
const storageUrlSeconds = 7 * 24 * 3600;
const hour = 3600 * 1000;

/** The same for a whole hour, so that the nodes see that runs want the same file, and fetch it once. */
const storageUrlExpiry = (now: Date) => new Date(Math.ceil(after(now, storageUrlSeconds).getTime() / hour) * hour);

/** Makes orders of runs: with what is in the database, and with signed URLs of the account's storage. */
export function orderMaker(means: OrderMeans): (run: Run) => Promise<OrderOutcome> {
  return async (run) => {
    const failure = containerFailure(run) ?? packageFailure(run.packages ?? []) ?? storageFailure(run);
    if (failure) return { kind: "failure", runId: run.runId, failure };
    const urls = await containerUrls(run, means);
    const order = runOrder(run, {
      accountUrl: means.accountUrl(),
      containerUrl: (name) => urls.get(name) ?? "",
      ownUrl: (url) => means.storage.ownUrl(url),
      taskToken: means.taskToken,
      keeping: means.keeping,
    });
    const packages = await packagesOf(run, means);
    return { kind: "order", order: { ...order, packages, ...(await certificatesOf(means.database, run)) } };
  };
}

/** The account may have been linked with a storage account when the files were given, and not be any more. */
function storageFailure(run: Run): Failure | undefined {
  if (run.storageAccount !== null || autoStorageContainers(run).length === 0) return undefined;
  return {
    category: "UserError",
    code: "ResourceContainerNotFound",
    message: "One of the specified Azure container(s) is not found",
    details: [{ name: "Message", value: "The account has no linked storage account" }],
  };
}

async function containerUrls(run: Run, { storage, now }: OrderMeans): Promise<ReadonlyMap<string, string>> {
  const storageAccount = run.storageAccount ?? "";
  const expiresOn = storageUrlExpiry(now());
  const signed = autoStorageContainers(run).map(
    async (container) =>
      [container, await storage.signedUrl({ storageAccount, container, permissions: "rl", expiresOn })] as const,
  );
  return new Map(await Promise.all(signed));
}

async function packagesOf(run: Run, { storage, now }: OrderMeans): Promise<RunOrder["packages"]> {
  const expiresOn = storageUrlExpiry(now());
  const packages = allPackages(run.nodePackages, (run.packages ?? []).filter(isInstallable));
  return Promise.all(
    packages.map(async (each) => {
      const url = await storage.signedUrl({ ...packageBlob(each), permissions: "r", expiresOn });
      return orderedPackage(each, url);
    }),
  );
}

/** The certificates that a run finds in its directory. */
async function certificatesOf(database: Database, run: Run): Promise<Pick<RunOrder, "certificates">> {
  const thumbprints = visibleThumbprints(
    run.certificateReferences ?? [],
    run.kind === "startTask" ? "startTask" : "task",
  );
  if (thumbprints.length === 0) return {};
  return { certificates: (await readCertificatesOfRun(database, run, thumbprints)).map(orderedCertificate) };
}
