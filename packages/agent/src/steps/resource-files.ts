import { basename, join, sep } from "node:path";
import type { OrderedDownload } from "@kyanite/contract";
import { Directory } from "@kyanite/runtime";
import {
  blobUrl,
  type ListedBlob,
  listBlobs,
  TransferError,
  type TransferProblem,
  withoutSecrets,
} from "@kyanite/storage";
import { isDiskFullError, messageOf, StepFailure, serverFailure, userFailure } from "../failure.ts";
import { namesBelow, namesBetween } from "../paths.ts";
import { makeDirectories } from "../task-files/directories.ts";
import { forEachAtOnce } from "./at-once.ts";
import type { PreparedRun, RunContext } from "./step.ts";

/** Something to make: its path below the directory, and for a file where it is fetched from. */
type Resource =
  | { readonly kind: "file"; readonly url: string; readonly path: string; readonly mode: number }
  | { readonly kind: "directory"; readonly path: string };

/** Opens the directory that files are downloaded into. */
type OpenPlace = () => Directory;

const filesAtOnce = 4;

/** Downloads the run's resource files into its working directory, and common ones into the shared directory. */
export async function downloadResourceFiles(run: PreparedRun): Promise<void> {
  const { order, paths, taskDirectory } = run;
  const { shared } = paths;
  if (shared !== undefined) {
    const openShared = () => {
      using root = Directory.open(paths.root);
      return root.enterAll(namesBetween(paths.root, shared));
    };
    await downloadInto(openShared, order.commonDownloads ?? [], run);
  }
  await downloadInto(() => taskDirectory.enter("wd"), order.downloads, run);
}

/** Of files with the same path the last one stays. */
async function downloadInto(open: OpenPlace, downloads: readonly OrderedDownload[], run: RunContext) {
  const underway = new Map<string, Promise<void>>();
  const make = (resource: Resource) => {
    const { path } = resource;
    const earlier = underway.get(path) ?? Promise.resolve();
    const made = earlier.then(() =>
      resource.kind === "file" ? fetchFile(open, resource, run) : makeEmpty(open, path, run),
    );
    const done = made.finally(() => {
      if (underway.get(path) === done) underway.delete(path);
    });
    underway.set(path, done);
    return done;
  };
  await forEachAtOnce(resources(downloads, run), filesAtOnce, make);
}

async function* resources(downloads: readonly OrderedDownload[], run: RunContext): AsyncGenerator<Resource> {
  for (const download of downloads) {
    const mode = parseMode(download.fileMode);
    if (download.kind === "url") {
      yield { kind: "file", url: download.url, path: placeOf(download.filePath), mode };
      continue;
    }
    for await (const { name, isDirectory } of blobsOf(download, run)) {
      const path = placeOf(join(download.directory ?? ".", name));
      yield isDirectory ? { kind: "directory", path } : { kind: "file", url: blobUrl(download.url, name), path, mode };
    }
  }
}

function placeOf(path: string): string {
  const names = namesBelow(path);
  if (names !== undefined && names.length > 0) return names.join(sep);
  throw userFailure("BlobDownloadMiscError", "A resource file's path leaves the working directory", { FilePath: path });
}

const defaultMode = 0o770;
/**
 * What the API shows of a file, such as 0o100644, says as well what kind of file it is. And a program that runs with its
 * owner's rights would have those of an administrator on the machine too.
 */
const rightsInMode = 0o777;

function parseMode(mode: string | undefined): number {
  if (mode === undefined) return defaultMode;
  if (/^(0o)?[0-7]{1,6}$/.test(mode)) return Number.parseInt(mode.replace("0o", ""), 8) & rightsInMode;
  throw userFailure("BlobDownloadMiscError", "A resource file's mode is not an octal number", { FileMode: mode });
}

async function fetchFile(
  open: OpenPlace,
  { url, path, mode }: Extract<Resource, { kind: "file" }>,
  run: RunContext,
): Promise<void> {
  using directory = makeDirectory(open, path, { names: path.split(sep).slice(0, -1), run });
  const delivery = { directory, name: basename(path), mode, user: run.user };
  const bytes = await run.downloads.fetch(url, delivery, run.signal).catch((cause: unknown) => {
    run.signal.throwIfAborted();
    throw downloadFailure(cause, { HttpUrl: withoutSecrets(url), FilePath: path });
  });
  run.steps.addBytes(bytes);
}

const makeEmpty = (open: OpenPlace, path: string, run: RunContext) =>
  makeDirectory(open, path, { names: path.split(sep), run }).close();

/** Opens a directory for what has that path. A command may have put a link on the way: what would go through it is refused. */
function makeDirectory(
  open: OpenPlace,
  path: string,
  { names, run: { user } }: { readonly names: readonly string[]; readonly run: RunContext },
): Directory {
  try {
    using place = open();
    return makeDirectories(place, names, { mode: defaultMode, user });
  } catch (cause) {
    if (isDiskFullError(cause)) throw cause;
    throw serverFailure(
      "ResourceDirectoryCreateFailed",
      "A resource file's directory could not be created",
      { FilePath: path, Message: messageOf(cause) },
      cause,
    );
  }
}

const blobProblems = {
  notFound: ["BlobNotFound", "One of the specified Azure Blob(s) is not found"],
  accessDenied: ["BlobAccessDenied", "Access to one of the specified Azure Blob(s) is denied"],
  timedOut: ["BlobDownloadTimedOut", "Downloading one of the specified Azure Blob(s) took too long"],
  failed: ["BlobDownloadMiscError", "One of the specified Azure Blob(s) could not be downloaded"],
} as const satisfies Record<TransferProblem, readonly [string, string]>;

function downloadFailure(cause: unknown, details: Record<string, string>): unknown {
  if (cause instanceof StepFailure || isDiskFullError(cause)) return cause;
  if (cause instanceof TransferError) {
    const [code, message] = blobProblems[cause.problem];
    return userFailure(code, message, { ...details, Message: cause.message }, cause);
  }
  return serverFailure(
    "ResourceFileWriteFailed",
    "A resource file could not be written",
    { ...details, Message: messageOf(cause) },
    cause,
  );
}

const containerProblems = {
  notFound: ["ResourceContainerNotFound", "One of the specified Azure container(s) is not found"],
  accessDenied: ["ResourceContainerAccessDenied", "Access to one of the specified Azure container(s) is denied"],
  timedOut: ["ResourceContainerListTimedOut", "Listing one of the specified Azure container(s) took too long"],
  failed: ["ResourceContainerListMiscError", "One of the specified Azure container(s) could not be listed"],
} as const satisfies Record<TransferProblem, readonly [string, string]>;

type ContainerDownload = Extract<OrderedDownload, { kind: "container" }>;

async function* blobsOf(download: ContainerDownload, { clock, signal }: RunContext): AsyncGenerator<ListedBlob> {
  try {
    yield* listBlobs(download.url, download.blobPrefix ?? "", { clock, signal });
  } catch (cause) {
    signal.throwIfAborted();
    if (!(cause instanceof TransferError)) throw cause;
    const [code, message] = containerProblems[cause.problem];
    throw userFailure(
      code,
      message,
      { StorageContainerUrl: withoutSecrets(download.url), Message: cause.message },
      cause,
    );
  }
}
