import { writeSync } from "node:fs";
import { join } from "node:path";
import type { Failure, OrderedUpload } from "@kyanite/contract";
import { Directory, hasErrorCode } from "@kyanite/runtime";
import { TransferError, type TransferProblem, uploadFile, withoutSecrets } from "@kyanite/storage";
import { failureOf, messageOf, type StepFailure, serverFailure, userFailure } from "../failure.ts";
import { type FilePattern, matchingFiles, parsePattern } from "../file-pattern.ts";
import { isWithin, namesBetween } from "../paths.ts";
import { findDirectory, findEntry, Unreachable } from "../task-files/entry.ts";
import { NameReader } from "../task-files/names.ts";
import { NotPlainFile, type OpenFile, openEmptied, openFile } from "../task-files/plain-file.ts";
import { mayRead } from "../task-files/rights.ts";
import type { TaskUser } from "../user.ts";
import { forEachAtOnce } from "./at-once.ts";
import type { CommandEnd } from "./command.ts";
import { readerOfOutputs } from "./container.ts";
import type { RunContext } from "./step.ts";

interface OutputFile {
  readonly upload: OrderedUpload;
  /** Its path, for people. */
  readonly path: string;
  readonly file: OpenFile;
  readonly blobName: string;
}

/** Where the run's user reads what became of its files. */
interface UploadLogs {
  readonly out: OpenFile;
  readonly err: OpenFile;
  [Symbol.dispose](): void;
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
  const upload = async (output: OutputFile, logs: UploadLogs) => {
    using _ = output.file;
    // A container that has refused one file gets no other.
    if (failures.has(output.upload)) return;
    await uploadOne(run, output, logs).catch((cause: unknown) => failures.set(output.upload, cause));
    run.signal.throwIfAborted();
  };
  try {
    using logs = openLogs(run);
    await forEachAtOnce(outputFiles(run, due, end, logs), filesAtOnce, (output) => upload(output, logs));
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

async function* outputFiles(
  run: RunContext,
  uploads: readonly OrderedUpload[],
  { environment }: CommandEnd,
  logs: UploadLogs,
): AsyncGenerator<OutputFile> {
  for (const upload of uploads) {
    const pattern = parsePattern(upload.filePattern, run.paths.working, environment);
    let count = 0;
    for await (const { file, matched } of openMatching(pattern, run)) {
      count += 1;
      yield { upload, file, path: join(pattern.base, matched), blobName: blobNameOf(upload, pattern, matched) };
    }
    if (count === 0) note(run, logs.out, `No file matches ${upload.filePattern}`);
  }
}

/** Opens the files that match, as far as they are the run's user's to read; what is no plain file does not match. */
async function* openMatching(pattern: FilePattern, run: RunContext) {
  const { clock, paths } = run;
  const { root } = paths;
  const user = readerOfOutputs(run);
  if (!isWithin(root, pattern.base)) return;
  const base = unlessMissing(() => findDirectory(namesBetween(root, pattern.base), { root, user }));
  if (base === undefined) return;
  using directory = base.directory;
  for await (const matched of matchingFiles(directory, pattern, new NameReader(clock))) {
    const file = unlessMissing(() => openMatched([...base.trail, ...matched.split("/")], root, user));
    if (file) yield { file, matched };
  }
}

/** The agent may read more than the run's user: nothing else of the machine or of other users must get out. */
function openMatched(path: readonly string[], root: string, user: TaskUser | undefined): OpenFile {
  using entry = findEntry(path, { root, followsLast: true, user });
  const file = openFile(entry.directory, entry.name ?? "");
  if (user === undefined || mayRead(file.stat, user)) return file;
  file[Symbol.dispose]();
  throw new Unreachable("The user may not read it");
}

const missing = ["ENOENT", "ENOTDIR", "ELOOP", "EACCES", "ENAMETOOLONG", "ERR_INVALID_ARG_VALUE"];

function unlessMissing<Found>(find: () => Found): Found | undefined {
  try {
    return find();
  } catch (error) {
    if (error instanceof Unreachable || error instanceof NotPlainFile || hasErrorCode(error, ...missing))
      return undefined;
    throw error;
  }
}

/** Without a wildcard the path is the blob's whole name; with one it is a directory for what matched. */
function blobNameOf({ path }: OrderedUpload, { hasWildcard }: FilePattern, matched: string): string {
  const place = path?.replace(/^\/+|\/+$/g, "");
  if (!place) return matched;
  return hasWildcard ? `${place}/${matched}` : place;
}

async function uploadOne(run: RunContext, { upload, path, file, blobName }: OutputFile, logs: UploadLogs) {
  const { containerUrl, uploadHeaders = [] } = upload;
  const headers = Object.fromEntries(uploadHeaders.map(({ name, value = "" }) => [name, value]));
  try {
    const bytes = await uploadFile(
      { fd: file.fd, containerUrl, blobName, headers },
      { clock: run.clock, signal: run.signal },
    );
    run.steps.addBytes(bytes);
    note(run, logs.out, `Uploaded ${path} to ${withoutSecrets(containerUrl)} as ${blobName}`);
  } catch (cause) {
    run.signal.throwIfAborted();
    const failure = uploadFailure(cause, { FilePath: path, ContainerUrl: withoutSecrets(containerUrl) });
    note(run, logs.err, `${path} was not uploaded: ${messageOf(cause)}`);
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
  const all = { ...details, Message: messageOf(cause) };
  if (!(cause instanceof TransferError))
    return serverFailure("FileUploadMiscError", uploadProblems.failed[1], all, cause);
  const [code, message] = uploadProblems[cause.problem];
  return userFailure(code, message, all, cause);
}

function openLogs({ paths, user }: RunContext): UploadLogs {
  using root = Directory.open(paths.root);
  using task = root.enterAll(namesBetween(paths.root, paths.task));
  const [out, err] = [openLog(task, "fileuploadout.txt", user), openLog(task, "fileuploaderr.txt", user)];
  const close = () => {
    out[Symbol.dispose]();
    err[Symbol.dispose]();
  };
  return { out, err, [Symbol.dispose]: close };
}

/** The run's command could have put anything there. */
function openLog(task: Directory, name: string, user: TaskUser | undefined): OpenFile {
  try {
    return openEmptied(task, name, { user });
  } catch (cause) {
    if (!(cause instanceof NotPlainFile)) throw cause;
    throw userFailure(
      "FileUploadMiscError",
      uploadProblems.failed[1],
      { FilePath: name, Message: cause.message },
      cause,
    );
  }
}

/** What cannot be written to a full disk must not hide what happened. */
function note(run: RunContext, log: OpenFile, text: string): void {
  try {
    writeSync(log.fd, `${run.clock.now().toISOString()} ${text}\n`);
  } catch (cause) {
    run.log.warn("upload log not written", { cause });
  }
}
