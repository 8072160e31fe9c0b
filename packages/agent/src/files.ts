import { createReadStream } from "node:fs";
import { lstat, open, opendir, realpath, rm, rmdir, stat, unlink } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { Readable } from "node:stream";
import type { FilesAnswer, FilesRequest, NodeFile } from "@kyanite/contract";
import { hasErrorCode } from "@kyanite/runtime";
import { below, isWithin, rootDirectories } from "./paths.ts";

/** An answer, and what goes with it: the bytes of a file, or a list as JSON. */
export interface FilesReply {
  readonly answer: FilesAnswer;
  readonly body?: Readable;
  /** Of the body, when it is known beforehand. */
  readonly contentLength?: number;
}

type FilesProblem = Extract<FilesAnswer, { outcome: "error" }>["code"];

class FilesError extends Error {
  readonly code: FilesProblem;

  constructor(code: FilesProblem, reason: string) {
    super(reason);
    this.code = code;
  }
}

/** Answers a request for files of the node. Nothing outside the root is shown, also not through links. */
export async function answerFiles(root: string, request: FilesRequest): Promise<FilesReply> {
  try {
    const file = below(root, request.path === "" ? "." : request.path);
    if (file === undefined) throw new FilesError("FileNotFound", "The path leaves the compute node's root");
    return await answer(root, file, request);
  } catch (error) {
    if (error instanceof FilesError) return refusal(error.code, error.message);
    if (hasErrorCode(error, "ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG", "ERR_INVALID_ARG_VALUE")) {
      return refusal("FileNotFound", "There is no such file");
    }
    return refusal("IOError", error instanceof Error && "code" in error ? String(error.code) : String(error));
  }
}

const refusal = (code: FilesProblem, reason: string): FilesReply => ({ answer: { outcome: "error", code, reason } });

async function answer(root: string, file: string, request: FilesRequest): Promise<FilesReply> {
  switch (request.operation) {
    case "list":
      return listFiles(root, file, request.recursive);
    case "stat":
      return { answer: { outcome: "ok", file: await describe(root, await enter(root, file), file) } };
    case "read":
      return readFile(root, file, request);
    case "delete":
      return deleteFile(root, file, request.recursive);
  }
}

/** The real path of something that exists inside the root. */
async function enter(root: string, file: string): Promise<string> {
  const real = await realpath(file);
  if (isWithin(await realpath(root), real)) return real;
  throw new FilesError("FileNotFound", "The path leaves the compute node's root");
}

async function listFiles(root: string, directory: string, recursive: boolean): Promise<FilesReply> {
  const real = await enter(root, directory);
  if (!(await stat(real)).isDirectory()) throw new FilesError("FileNotFound", "The path is not a directory");
  return {
    answer: { outcome: "ok" },
    body: Readable.from(asJson(listed(root, directory, recursive)), { objectMode: false }),
  };
}

async function* asJson(items: AsyncIterable<NodeFile>): AsyncGenerator<string> {
  let separator = "[";
  for await (const item of items) {
    yield separator + JSON.stringify(item);
    separator = ",";
  }
  yield separator === "[" ? "[]" : "]";
}

async function* listed(root: string, directory: string, recursive: boolean): AsyncGenerator<NodeFile> {
  const names: string[] = [];
  // What goes away while we look is left out.
  const entries = await opendir(directory).catch(unlessGone);
  if (entries) for await (const entry of entries) names.push(entry.name);
  for (const name of names.sort()) {
    const file = join(directory, name);
    const found = await enter(root, file)
      .then((real) => describe(root, real, file))
      .catch(unlessGone);
    if (found === undefined) continue;
    yield found;
    const entersLink = found.isDirectory && (await lstat(file).catch(unlessGone))?.isSymbolicLink();
    if (found.isDirectory && recursive && !entersLink) yield* listed(root, file, true);
  }
}

function unlessGone(error: unknown): undefined {
  if (error instanceof FilesError || hasErrorCode(error, "ENOENT", "ENOTDIR", "EACCES", "ELOOP")) return undefined;
  throw error;
}

async function describe(root: string, real: string, file: string): Promise<NodeFile> {
  const { size, mtime, mode, ...kind } = await stat(real).then((found) => ({
    size: found.size,
    mtime: found.mtime,
    mode: found.mode,
    isDirectory: found.isDirectory(),
    isFile: found.isFile(),
  }));
  const name = relative(root, file).split(sep).join("/");
  if (kind.isDirectory) return { name, isDirectory: true };
  return {
    name,
    isDirectory: false,
    contentLength: size,
    lastModified: mtime.toISOString(),
    contentType: kind.isFile ? await contentType(real) : "application/octet-stream",
    fileMode: `0o${mode.toString(8)}`,
  };
}

const textExtensions = [".txt", ".log", ".out", ".err"];
const lookedAtBytes = 512;

async function contentType(file: string): Promise<string> {
  if (textExtensions.includes(extname(file).toLowerCase())) return "text/plain";
  await using handle = await open(file);
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(lookedAtBytes), 0, lookedAtBytes, 0);
  return buffer.subarray(0, bytesRead).includes(0) ? "application/octet-stream" : "text/plain";
}

type ReadRequest = Extract<FilesRequest, { operation: "read" }>;

async function readFile(root: string, file: string, { start, end }: ReadRequest): Promise<FilesReply> {
  const real = await enter(root, file);
  if (!(await stat(real)).isFile()) throw new FilesError("OperationInvalidForCurrentState", "The path is not a file");
  const described = await describe(root, real, file);
  const size = described.contentLength ?? 0;
  const first = start ?? 0;
  const isWrong = first < 0 || (end !== undefined && end < first) || (start !== undefined && first >= size);
  if (isWrong) throw new FilesError("InvalidRange", `The file has ${size} bytes`);
  // A file that grows meanwhile is sent as long as it was.
  const last = Math.min(end ?? size - 1, size - 1);
  const contentLength = last - first + 1;
  const body = contentLength > 0 ? createReadStream(real, { start: first, end: last }) : Readable.from([]);
  return { answer: { outcome: "ok", file: described }, body, contentLength };
}

async function deleteFile(root: string, file: string, recursive: boolean): Promise<FilesReply> {
  const parent = await enter(root, join(file, ".."));
  const real = join(parent, relative(join(file, ".."), file));
  const isOurs = file === root || rootDirectories.some((name) => join(root, name) === file);
  if (isOurs) throw new FilesError("OperationInvalidForCurrentState", "The directory belongs to the compute node");
  const isDirectory = (await lstat(real)).isDirectory();
  if (!isDirectory) await unlink(real);
  else if (recursive) await rm(real, { recursive: true });
  else await removeEmpty(real);
  return { answer: { outcome: "ok" } };
}

async function removeEmpty(directory: string): Promise<void> {
  await rmdir(directory).catch((error: unknown) => {
    if (!hasErrorCode(error, "ENOTEMPTY", "EEXIST")) throw error;
    throw new FilesError("OperationInvalidForCurrentState", "The directory is not empty");
  });
}
