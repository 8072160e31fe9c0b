import { chmod, chown, lstat, mkdir, rm } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import type { OrderedDownload } from "@kyanite/contract";
import { hasErrorCode } from "@kyanite/runtime";
import { blobUrl, listBlobNames, TransferError, type TransferProblem, withoutSecrets } from "@kyanite/storage";
import { isDiskFullError, StepFailure, serverFailure, userFailure } from "../failure.ts";
import { below, leadsOut } from "../paths.ts";
import { forEachAtOnce } from "./at-once.ts";
import type { RunContext } from "./step.ts";

/** One file to fetch: absolute path, and mode as a number. */
interface ResourceFile {
  readonly url: string;
  readonly file: string;
  readonly mode: number;
}

const filesAtOnce = 4;

/** Downloads the run's resource files into its working directory, and common ones into the shared directory. */
export async function downloadResourceFiles(run: RunContext): Promise<void> {
  const { order, paths } = run;
  if (paths.shared !== undefined) await downloadInto(paths.shared, order.commonDownloads ?? [], run);
  await downloadInto(paths.working, order.downloads, run);
}

/** Of files with the same path the last one stays. */
async function downloadInto(directory: string, downloads: readonly OrderedDownload[], run: RunContext) {
  const underway = new Map<string, Promise<void>>();
  const fetch = (resource: ResourceFile) => {
    const { file } = resource;
    const earlier = underway.get(file) ?? Promise.resolve();
    const fetched = earlier.then(() => fetchFile(directory, resource, run));
    const done = fetched.finally(() => {
      if (underway.get(file) === done) underway.delete(file);
    });
    underway.set(file, done);
    return done;
  };
  await forEachAtOnce(resourceFiles(directory, downloads, run), filesAtOnce, fetch);
}

async function* resourceFiles(directory: string, downloads: readonly OrderedDownload[], run: RunContext) {
  for (const download of downloads) {
    const mode = parseMode(download.fileMode);
    if (download.kind === "url") {
      yield { url: download.url, file: placeIn(directory, download.filePath), mode };
      continue;
    }
    for await (const name of blobNames(download, run)) {
      const file = placeIn(directory, join(download.directory ?? ".", name));
      yield { url: blobUrl(download.url, name), file, mode };
    }
  }
}

function placeIn(directory: string, path: string): string {
  const file = below(directory, path);
  if (file !== undefined && file !== directory) return file;
  throw userFailure("BlobDownloadMiscError", "A resource file's path leaves the working directory", { FilePath: path });
}

const defaultMode = 0o770;

function parseMode(mode: string | undefined): number {
  if (mode === undefined) return defaultMode;
  if (/^(0o)?[0-7]{1,4}$/.test(mode)) return Number.parseInt(mode.replace("0o", ""), 8);
  throw userFailure("BlobDownloadMiscError", "A resource file's mode is not an octal number", { FileMode: mode });
}

async function fetchFile(directory: string, { url, file, mode }: ResourceFile, run: RunContext): Promise<void> {
  await makeParents(directory, file, run);
  await rm(file, { force: true }).catch(() => undefined);
  await run.downloads.fetch(url, file, run.signal).catch((cause: unknown) => {
    run.signal.throwIfAborted();
    throw downloadFailure(cause, { HttpUrl: withoutSecrets(url), FilePath: relative(directory, file) });
  });
  if (run.user) await chown(file, run.user.uid, run.user.gid);
  await chmod(file, mode);
}

async function makeParents(directory: string, file: string, { user, paths }: RunContext): Promise<void> {
  try {
    if (leadsOut(paths.root, dirname(file))) throw new Error("its path leads out of the compute node's root");
    const names = relative(directory, dirname(file)).split(sep).filter(Boolean);
    let parent = directory;
    for (const name of names) {
      parent = join(parent, name);
      if (await exists(parent)) continue;
      await mkdir(parent, { recursive: true, mode: 0o770 });
      if (user) await chown(parent, user.uid, user.gid);
    }
  } catch (cause) {
    if (isDiskFullError(cause)) throw cause;
    const details = {
      FilePath: relative(directory, file),
      Message: cause instanceof Error ? cause.message : String(cause),
    };
    throw serverFailure(
      "ResourceDirectoryCreateFailed",
      "A resource file's directory could not be created",
      details,
      cause,
    );
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return false;
    throw error;
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
  const message = cause instanceof Error ? cause.message : String(cause);
  return serverFailure(
    "ResourceFileWriteFailed",
    "A resource file could not be written",
    { ...details, Message: message },
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

async function* blobNames(download: ContainerDownload, { clock, signal }: RunContext): AsyncGenerator<string> {
  try {
    yield* listBlobNames(download.url, download.blobPrefix ?? "", { clock, signal });
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
