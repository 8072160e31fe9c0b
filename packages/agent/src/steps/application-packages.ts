import { randomUUID } from "node:crypto";
import { renameSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { OrderedPackage } from "@kyanite/contract";
import { Directory, removeTree } from "@kyanite/runtime";
import { isDiskFullError, messageOf, userFailure } from "../failure.ts";
import { namesBelow } from "../paths.ts";
import type { SharedDownloads } from "../shared-downloads.ts";
import { ensureDirectory } from "../task-files/directories.ts";
import { openFile } from "../task-files/plain-file.ts";
import type { PackageStore, RunContext } from "./step.ts";

export interface InstalledPackage {
  readonly reference: OrderedPackage;
  readonly directory: string;
}

/** Installs the run's application packages; what is on the node already is used again. */
export async function installPackages({
  order,
  packages,
  signal,
  steps,
}: RunContext): Promise<readonly InstalledPackage[]> {
  const { runId } = order;
  const installing = order.packages.map(async (reference) => {
    const { directory, fetchedBytes } = await packages.install(reference, { runId, signal });
    steps.addBytes(fetchedBytes);
    return { reference, directory };
  });
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

/** Packages lie in the `applications` of the node; half-unpacked ones of an agent that was killed are removed. */
export async function openPackageStore(root: string, downloads: SharedDownloads): Promise<PackageStore> {
  await removeDrafts(root);
  const kept = new Map<string, Kept>();
  const keep = (name: string) => {
    const existing = kept.get(name) ?? { users: new Set<string>(), last: Promise.resolve(), isUnwanted: false };
    kept.set(name, existing);
    return existing;
  };
  const inTurn = <Result>(entry: Kept, act: (place: Directory) => Promise<Result>): Promise<Result> => {
    const turn = entry.last.then(async () => {
      using place = openPlace(root);
      return await act(place);
    });
    entry.last = turn.catch(() => undefined);
    return turn;
  };
  const removeUnused = async (name: string, entry: Kept) => {
    if (!entry.isUnwanted || entry.users.size > 0) return;
    entry.isUnwanted = false;
    await inTurn(entry, (place) => removeTree(place, name));
  };
  return {
    async install(reference, { runId, signal }) {
      const name = directoryName(reference);
      const entry = keep(name);
      entry.users.add(runId);
      const fetchedBytes = await inTurn(entry, (place) => installOnce({ place, name }, reference, signal, downloads));
      return { directory: join(root, placeName, name), fetchedBytes };
    },
    release(runId) {
      for (const [name, entry] of kept)
        if (entry.users.delete(runId)) void removeUnused(name, entry).catch(() => undefined);
    },
    async remove(directory) {
      const [place, name, ...more] = namesBelow(directory) ?? [];
      if (place !== placeName || name === undefined || more.length > 0)
        throw new Error(`not to be removed: ${directory}`);
      const entry = keep(name);
      entry.isUnwanted = true;
      await removeUnused(name, entry);
    },
  };
}

const placeName = "applications";

function openPlace(path: string): Directory {
  using root = Directory.open(path);
  return root.enter(placeName);
}

async function removeDrafts(root: string): Promise<void> {
  using place = openPlace(root);
  for (const name of await readdir(place.path)) if (name.startsWith(draftPrefix)) await removeTree(place, name);
}

const draftPrefix = ".unpacking-";

/** `@` stands in no id and no version, so two packages never share a directory. */
function directoryName({ applicationId, version, contentId }: OrderedPackage): string {
  const name = `${applicationId}@${version}@${contentId}`;
  if (/^[\w-][\w.-]*@[\w.-]+@\w+$/.test(name)) return name;
  throw packageFailure({ applicationId, version }, "its id or version is not valid");
}

interface Target {
  readonly place: Directory;
  readonly name: string;
}

/** @returns how many bytes were fetched */
async function installOnce(
  { place, name }: Target,
  reference: OrderedPackage,
  signal: AbortSignal,
  downloads: SharedDownloads,
): Promise<number> {
  signal.throwIfAborted();
  if (place.lstat(name)?.isDirectory()) return 0;
  const draftName = `${draftPrefix}${randomUUID()}`;
  try {
    using draft = ensureDirectory(place, draftName, { mode: 0o755 });
    const bytes = await downloads.fetch(reference.url, { directory: draft, name: "package.zip" }, signal);
    using content = ensureDirectory(draft, "content", { mode: 0o755 });
    const { unpack } = await import("../unpack.ts");
    await unpack(() => openFile(draft, "package.zip").fd, content, signal);
    renameSync(draft.at("content"), place.at(name));
    return bytes;
  } catch (cause) {
    signal.throwIfAborted();
    if (isDiskFullError(cause)) throw cause;
    throw packageFailure(reference, messageOf(cause), cause);
  } finally {
    await removeTree(place, draftName);
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
