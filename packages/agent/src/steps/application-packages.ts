import { randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import type { OrderedPackage } from "@kyanite/contract";
import { hasErrorCode } from "@kyanite/runtime";
import { isDiskFullError, userFailure } from "../failure.ts";
import { below } from "../paths.ts";
import { removeTree } from "../remove-tree.ts";
import type { SharedDownloads } from "../shared-downloads.ts";
import type { PackageStore, RunContext } from "./step.ts";

export interface InstalledPackage {
  readonly reference: OrderedPackage;
  readonly directory: string;
}

/** Installs the run's application packages; what is on the node already is used again. */
export async function installPackages({ order, packages, signal }: RunContext): Promise<readonly InstalledPackage[]> {
  const { runId } = order;
  const installing = order.packages.map(async (reference) => ({
    reference,
    directory: await packages.install(reference, { runId, signal }),
  }));
  // All of them come to their end before the run does.
  const outcomes = await Promise.allSettled(installing);
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  return Promise.all(installing);
}

interface Kept {
  /** Runs that use the package. */
  readonly users: Set<string>;
  /** One after another per package: the second one finds what the first has made. */
  last: Promise<unknown>;
  /** To be removed when nobody uses it. */
  isUnwanted: boolean;
}

/** `directory` is the node's `applications`; half-unpacked packages of an agent that was killed are removed. */
export async function openPackageStore(directory: string, downloads: SharedDownloads): Promise<PackageStore> {
  for (const name of await readdir(directory)) {
    if (name.startsWith(draftPrefix)) await rm(join(directory, name), { recursive: true, force: true });
  }
  const kept = new Map<string, Kept>();
  const keep = (target: string) => {
    const existing = kept.get(target) ?? { users: new Set<string>(), last: Promise.resolve(), isUnwanted: false };
    kept.set(target, existing);
    return existing;
  };
  const inTurn = <Result>(entry: Kept, act: () => Promise<Result>): Promise<Result> => {
    const turn = entry.last.then(act);
    entry.last = turn.catch(() => undefined);
    return turn;
  };
  const removeUnused = async (target: string, entry: Kept) => {
    if (!entry.isUnwanted || entry.users.size > 0) return;
    entry.isUnwanted = false;
    await inTurn(entry, () => removeTree(target));
  };
  return {
    async install(reference, { runId, signal }) {
      const target = join(directory, directoryName(reference));
      const entry = keep(target);
      entry.users.add(runId);
      await inTurn(entry, () => installOnce(target, reference, signal, downloads));
      return target;
    },
    release(runId) {
      for (const [target, entry] of kept)
        if (entry.users.delete(runId)) void removeUnused(target, entry).catch(() => undefined);
    },
    async remove(name) {
      const target = below(directory, relative("applications", name));
      if (target === undefined || dirname(target) !== directory) throw new Error(`not to be removed: ${name}`);
      const entry = keep(target);
      entry.isUnwanted = true;
      await removeUnused(target, entry);
    },
  };
}

const draftPrefix = ".unpacking-";

/** `@` stands in no id and no version, so two packages never share a directory. */
function directoryName({ applicationId, version, contentId }: OrderedPackage): string {
  const name = `${applicationId}@${version}@${contentId}`;
  if (/^[\w-][\w.-]*@[\w.-]+@\w+$/.test(name)) return name;
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
