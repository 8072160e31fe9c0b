import { appendFile, chown, constants, open, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import type { Failure, OrderedUpload } from "@kyanite/contract";
import { hasErrorCode } from "@kyanite/runtime";
import { TransferError, type TransferProblem, uploadFile, withoutSecrets } from "@kyanite/storage";
import { failureOf, type StepFailure, serverFailure, userFailure } from "../failure.ts";
import { type FilePattern, matchingFiles, parsePattern } from "../file-pattern.ts";
import { isWithin } from "../paths.ts";
import { forEachAtOnce } from "./at-once.ts";
import type { CommandEnd } from "./command.ts";
import type { RunContext } from "./step.ts";

interface OutputFile {
  readonly upload: OrderedUpload;
  readonly file: string;
  readonly blobName: string;
}

const filesAtOnce = 4;

/**
 * Uploads what the run is to leave behind, and writes to `fileuploadout.txt` and `fileuploaderr.txt` what became of
 * it. The first failure is returned: the run has ended anyway, and what goes elsewhere is still uploaded. Rejects only
 * when the signal aborts.
 */
export async function uploadOutputFiles(run: RunContext, end: CommandEnd): Promise<Failure | undefined> {
  if (run.order.uploads.length === 0) return undefined;
  const due = run.order.uploads.filter(({ uploadCondition }) => isDue(uploadCondition, end));
  const failures = new Map<OrderedUpload, unknown>();
  const upload = async (file: OutputFile) => {
    // A container that has refused one file gets no other.
    if (failures.has(file.upload)) return;
    await uploadOne(run, file).catch((cause: unknown) => failures.set(file.upload, cause));
    run.signal.throwIfAborted();
  };
  try {
    await createLogs(run);
    await forEachAtOnce(outputFiles(run, due, end), filesAtOnce, upload);
  } catch (error) {
    run.signal.throwIfAborted();
    return failureOf(error);
  }
  const [first] = failures.values();
  return first === undefined ? undefined : failureOf(first);
}

function isDue(condition: OrderedUpload["uploadCondition"], { exitCode, wasStopped }: CommandEnd): boolean {
  if (condition === "taskcompletion") return true;
  return (exitCode === 0 && !wasStopped) === (condition === "tasksuccess");
}

async function* outputFiles(run: RunContext, uploads: readonly OrderedUpload[], { environment }: CommandEnd) {
  for (const upload of uploads) {
    const pattern = parsePattern(upload.filePattern, run.paths.working, environment);
    let count = 0;
    for await (const path of matchingFiles(pattern)) {
      const file = join(pattern.base, path);
      if (!(await mayUpload(file, run))) continue;
      count += 1;
      yield { upload, file, blobName: blobNameOf(upload, pattern, path) };
    }
    if (count === 0) await note(run, "out", `No file matches ${upload.filePattern}`);
  }
}

/** Without a wildcard the path is the blob's whole name; with one it is a directory for what matched. */
function blobNameOf({ path }: OrderedUpload, { hasWildcard }: FilePattern, matched: string): string {
  const name = matched.split(sep).join("/");
  const place = path?.replace(/^\/+|\/+$/g, "");
  if (!place) return name;
  return hasWildcard ? `${place}/${name}` : place;
}

/** The agent may read more than the run's user: through a link in the run's directory nothing else must get out. */
async function mayUpload(file: string, { user, paths }: RunContext): Promise<boolean> {
  try {
    if (!(await stat(file)).isFile()) return false;
    return user === undefined || isWithin(await realpath(paths.root), await realpath(file));
  } catch (error) {
    if (hasErrorCode(error, "ENOENT", "ENOTDIR", "ELOOP", "EACCES", "ENAMETOOLONG", "ERR_INVALID_ARG_VALUE"))
      return false;
    throw error;
  }
}

async function uploadOne(run: RunContext, { upload, file, blobName }: OutputFile): Promise<void> {
  const { containerUrl, uploadHeaders = [] } = upload;
  const headers = Object.fromEntries(uploadHeaders.map(({ name, value = "" }) => [name, value]));
  try {
    await uploadFile({ file, containerUrl, blobName, headers }, { clock: run.clock, signal: run.signal });
    await note(run, "out", `Uploaded ${file} to ${withoutSecrets(containerUrl)} as ${blobName}`);
  } catch (cause) {
    run.signal.throwIfAborted();
    const failure = uploadFailure(cause, { FilePath: file, ContainerUrl: withoutSecrets(containerUrl) });
    await note(run, "err", `${file} was not uploaded: ${cause instanceof Error ? cause.message : String(cause)}`);
    throw failure;
  }
}

const uploadProblems = {
  notFound: [
    "FileUploadContainerNotFound",
    "One of the specified Azure container(s) was not found while attempting to upload an output file",
  ],
  accessDenied: [
    "FileUploadAccessDenied",
    "Access to one of the specified Azure container(s) was denied while uploading",
  ],
  timedOut: ["FileUploadTimedOut", "Uploading one of the output files took too long"],
  failed: ["FileUploadMiscError", "One of the output files could not be uploaded"],
} as const satisfies Record<TransferProblem, readonly [string, string]>;

function uploadFailure(cause: unknown, details: Record<string, string>): StepFailure {
  const all = { ...details, Message: cause instanceof Error ? cause.message : String(cause) };
  if (!(cause instanceof TransferError))
    return serverFailure("FileUploadMiscError", uploadProblems.failed[1], all, cause);
  const [code, message] = uploadProblems[cause.problem];
  return userFailure(code, message, all, cause);
}

const logFile = ({ paths }: RunContext, stream: "out" | "err") => join(paths.task, `fileupload${stream}.txt`);

async function createLogs(run: RunContext): Promise<void> {
  const { O_CREAT, O_TRUNC, O_WRONLY, O_NOFOLLOW } = constants;
  for (const stream of ["out", "err"] as const) {
    const path = logFile(run, stream);
    await using _file = await open(path, O_CREAT | O_TRUNC | O_WRONLY | O_NOFOLLOW, 0o660);
    if (run.user) await chown(path, run.user.uid, run.user.gid);
  }
}

/** What cannot be written to a full disk must not hide what happened. */
async function note(run: RunContext, stream: "out" | "err", text: string): Promise<void> {
  await appendFile(logFile(run, stream), `${run.clock.now().toISOString()} ${text}\n`).catch((cause: unknown) =>
    run.log.warn("upload log not written", { cause }),
  );
}
