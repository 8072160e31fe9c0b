import { randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { OrderedPackage } from "@kyanite/contract";
import { hasErrorCode } from "@kyanite/runtime";
import { isDiskFullError, userFailure } from "../failure.ts";
import type { SharedDownloads } from "../shared-downloads.ts";
import type { PackageStore, RunContext } from "./step.ts";

export interface InstalledPackage {
  readonly reference: OrderedPackage;
  readonly directory: string;
}

/** Installs the run's application packages; what is on the node already is used again. */
export async function installPackages({ order, packages, signal }: RunContext): Promise<readonly InstalledPackage[]> {
  const installed: InstalledPackage[] = [];
  for (const reference of order.packages) {
    installed.push({ reference, directory: await packages.install(reference, signal) });
  }
  return installed;
}

/** `directory` is the node's `applications`; half-unpacked packages of an agent that was killed are removed. */
export async function openPackageStore(directory: string, downloads: SharedDownloads): Promise<PackageStore> {
  for (const name of await readdir(directory)) {
    if (name.startsWith(draftPrefix)) await rm(join(directory, name), { recursive: true, force: true });
  }
  // One after another per package: the second one finds what the first has made.
  const queues = new Map<string, Promise<unknown>>();
  return {
    async install(reference, signal) {
      const target = join(directory, directoryName(reference));
      const turn = (queues.get(target) ?? Promise.resolve()).then(() =>
        installOnce(target, reference, signal, downloads),
      );
      const settled = turn.catch(() => undefined);
      queues.set(target, settled);
      await turn.finally(() => queues.get(target) === settled && queues.delete(target));
      return target;
    },
  };
}

const draftPrefix = ".unpacking-";

/** `@` stands in no id and no version, so two packages never share a directory. */
function directoryName({ applicationId, version }: OrderedPackage): string {
  const name = `${applicationId}@${version}`;
  if (/^[\w-][\w.-]*@[\w.-]+$/.test(name)) return name;
  throw packageFailure({ applicationId, version }, "its id or version is not valid");
}

async function installOnce(target: string, reference: OrderedPackage, signal: AbortSignal, downloads: SharedDownloads) {
  signal.throwIfAborted();
  if (await isThere(target)) return;
  const draft = join(target, "..", `${draftPrefix}${randomUUID()}`);
  await mkdir(draft, { mode: 0o755 });
  try {
    const archive = join(draft, "package.zip");
    const content = join(draft, "content");
    await downloads.fetch(reference.url, archive, signal);
    const { unpack } = await import("../unpack.ts");
    await unpack(archive, content, signal);
    await rename(content, target);
  } catch (cause) {
    signal.throwIfAborted();
    if (isDiskFullError(cause)) throw cause;
    throw packageFailure(reference, cause instanceof Error ? cause.message : String(cause), cause);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return false;
    throw error;
  }
}

function packageFailure(reference: Pick<OrderedPackage, "applicationId" | "version">, reason: string, cause?: unknown) {
  const { applicationId, version } = reference;
  return userFailure(
    "ApplicationPackageError",
    "One of the specified application packages could not be installed",
    { ApplicationId: applicationId, Version: version, Message: reason },
    cause,
  );
}
