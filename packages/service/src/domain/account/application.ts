import type { Failure, OrderedPackage } from "@kyanite/contract";
import type { Tags } from "../tags.ts";
import type { BlobPlace } from "./storage.ts";

/** A program that nodes can be given, in versions. */
export interface Application {
  readonly pk: number;
  readonly accountPk: number;
  readonly id: string;
  readonly etag: string;
  readonly displayName: string | null;
  /** Whether versions that exist may be replaced and deleted. */
  readonly allowUpdates: boolean;
  readonly defaultVersion: string | null;
  readonly tags?: Tags;
}

/** One version of an application. `uploadId` and `contentId` are parts of the names of its blobs: see {@link blobName}. */
export interface ApplicationPackage {
  readonly pk: number;
  readonly applicationPk: number;
  readonly version: string;
  readonly etag: string;
  readonly storageAccount: string;
  readonly container: string;
  /** What a client may write now; null once it is active. */
  readonly uploadId: string | null;
  readonly uploadExpiry: Date | null;
  /** What nodes get; null before the first activation. */
  readonly contentId: string | null;
  readonly lastActivationTime: Date | null;
  readonly tags?: Tags;
}

/** What a reference to an application package means at a moment. */
export interface ResolvedPackage {
  readonly applicationId: string;
  /** Empty when the reference names none and the application has no default. */
  readonly version: string;
  readonly isDefaultVersion: boolean;
  /** Whether there is such an application. */
  readonly isKnown: boolean;
  /** Null when there is no active package to install. */
  readonly contentId: string | null;
  readonly storageAccount: string | null;
  readonly container: string | null;
}

/** An application package that can be installed. */
export type NodePackage = ResolvedPackage & {
  readonly contentId: string;
  readonly storageAccount: string;
  readonly container: string;
};

/** How many applications an account may have, and how many versions one of them. */
export const applicationQuota = 20;
export const packageQuota = 40;

/** Each upload and each activation has a blob of its own, so that nobody overwrites what nodes are fetching. */
export function blobName(applicationId: string, version: string, contentId: string): string {
  return `${applicationId}/${version}-${contentId}.zip`;
}

export function isInstallable(resolved: ResolvedPackage): resolved is NodePackage {
  return resolved.contentId !== null && resolved.storageAccount !== null && resolved.container !== null;
}

/** Why packages cannot be installed; undefined when all can. */
export function packageFailure(packages: readonly ResolvedPackage[]): Failure | undefined {
  const missing = packages.find((each) => !isInstallable(each));
  if (!missing) return undefined;
  return {
    category: "UserError",
    code: "ApplicationPackageError",
    message: "One of the specified application packages could not be installed",
    details: [
      { name: "ApplicationId", value: missing.applicationId },
      { name: "Version", value: missing.version },
      { name: "Message", value: problemOf(missing) },
    ],
  };
}

/** Why a reference has nothing to install. */
export function problemOf({ isKnown, isDefaultVersion, version }: ResolvedPackage): string {
  if (!isKnown) return "There is no such application";
  if (isDefaultVersion && version === "") return "The application has no default version";
  return "There is no active package of this version";
}

/** The packages of a node and of a run together, each once. */
export function allPackages(ofNode: readonly NodePackage[], ofRun: readonly NodePackage[]): NodePackage[] {
  const keyOf = ({ applicationId, version, isDefaultVersion }: NodePackage) =>
    [applicationId, version, isDefaultVersion].join("@").toLowerCase();
  return [...new Map([...ofRun, ...ofNode].map((each) => [keyOf(each), each])).values()];
}

/** Where a node has an unpacked package, below its root. */
export function packageDirectory(of: Pick<NodePackage, "applicationId" | "version" | "contentId">): string {
  const { applicationId, version, contentId } = of;
  return `applications/${applicationId}@${version}@${contentId}`;
}

export function packageBlob(each: NodePackage): BlobPlace {
  const { applicationId, version, contentId, storageAccount, container } = each;
  return { storageAccount, container, blob: blobName(applicationId, version, contentId) };
}

export function orderedPackage(each: NodePackage, url: string): OrderedPackage {
  const { applicationId, version, isDefaultVersion, contentId } = each;
  return { applicationId, version, isDefaultVersion, contentId, url };
}
