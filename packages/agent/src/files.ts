import { rmdirSync, type Stats, unlinkSync } from "node:fs";
import { Readable } from "node:stream";
import type { FilesAnswer, FilesRequest } from "@kyanite/contract";
import { hasErrorCode, readPart, removeTree } from "@kyanite/runtime";
import { describe } from "./file-description.ts";
import { listFiles } from "./file-list.ts";
import { type FollowMeans, followFile } from "./follow.ts";
import { namesBelow, rootDirectories } from "./paths.ts";
import { type Entry, findEntry, Unreachable } from "./task-files/entry.ts";
import { DirectoryTooLarge, type NameReader } from "./task-files/names.ts";
import { NotPlainFile, openFile } from "./task-files/plain-file.ts";

/** An answer, and what goes with it: the bytes of a file, or a list as JSON. */
export interface FilesReply {
  readonly answer: FilesAnswer;
  readonly body?: Readable;
  /** Of the body, when it is known beforehand. */
  readonly contentLength?: number;
}

export interface FilesMeans extends FollowMeans {
  readonly names: NameReader;
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
export async function answerFiles(means: FilesMeans, request: FilesRequest): Promise<FilesReply> {
  try {
    return await answerFirst(means, request, readingsOf(request.path));
  } catch (error) {
    const { code, reason } = problemOf(error);
    return { answer: { outcome: "error", code, reason } };
  }
}

/** A backslash may belong to a name, or be a slash as somebody writes it who is used to Windows. */
function readingsOf(path: string): readonly string[] {
  const names = path.split(/[/\\]/);
  return path.includes("\\") && !names.includes("..") ? [path, names.join("/")] : [path];
}

/** The first reading of a path that there is counts. */
async function answerFirst(
  means: FilesMeans,
  request: FilesRequest,
  [path = "", ...others]: readonly string[],
): Promise<FilesReply> {
  const names = namesBelow(path);
  if (names === undefined) throw new Unreachable("The path leaves the compute node's root");
  try {
    return await answer(means, names, request);
  } catch (error) {
    if (others.length === 0 || problemOf(error).code !== "FileNotFound") throw error;
    return answerFirst(means, request, others);
  }
}

const missing = ["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG", "ERR_INVALID_ARG_VALUE"];

function problemOf(error: unknown): { readonly code: FilesProblem; readonly reason: string } {
  if (error instanceof FilesError) return { code: error.code, reason: error.message };
  if (error instanceof Unreachable) return { code: "FileNotFound", reason: error.message };
  if (error instanceof NotPlainFile) return { code: "OperationInvalidForCurrentState", reason: error.message };
  if (hasErrorCode(error, ...missing)) return { code: "FileNotFound", reason: "There is no such file" };
  if (error instanceof DirectoryTooLarge) return { code: "IOError", reason: error.message };
  return { code: "IOError", reason: error instanceof Error && "code" in error ? String(error.code) : String(error) };
}

async function answer(means: FilesMeans, names: readonly string[], request: FilesRequest): Promise<FilesReply> {
  const { root } = means;
  switch (request.operation) {
    case "list":
      return jsonReply(await listFiles(means, names, request));
    case "stat": {
      using entry = findEntry(names, { root, followsLast: true });
      return { answer: { outcome: "ok", file: describe(entry, names.join("/")) } };
    }
    case "read": {
      using entry = findEntry(names, { root, followsLast: true });
      return readFile(entry, names.join("/"), request);
    }
    case "follow":
      return { answer: { outcome: "ok" }, body: followFile(names, request, means) };
    case "delete": {
      if (isLasting(names)) throw new FilesError("OperationInvalidForCurrentState", "The compute node needs it");
      using entry = findEntry(names, { root, followsLast: false });
      await deleteEntry(entry, request.recursive);
      return { answer: { outcome: "ok" } };
    }
  }
}

/** A reply whose body is a value. */
export function jsonReply(value: object): FilesReply {
  const bytes = Buffer.from(JSON.stringify(value));
  return { answer: { outcome: "ok" }, body: Readable.from([bytes]), contentLength: bytes.length };
}

type ReadRequest = Extract<FilesRequest, { operation: "read" }>;

function readFile({ directory, name, stat }: Entry, path: string, { start, end }: ReadRequest): FilesReply {
  if (name === undefined || !stat.isFile())
    throw new FilesError("OperationInvalidForCurrentState", "The path is not a file");
  const file = openFile(directory, name);
  try {
    const described = describe({ directory, name, stat: file.stat }, path);
    const range = rangeOf(file.stat, start, end);
    const body = readPart(file.fd, range.first, range.end);
    body.once("close", () => file[Symbol.dispose]());
    return { answer: { outcome: "ok", file: described }, body, contentLength: range.end - range.first };
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}

/** A file that grows meanwhile is sent as long as it was. */
function rangeOf({ size }: Stats, start: number | undefined, last: number | undefined) {
  const first = start ?? 0;
  const isWrong = first < 0 || (last !== undefined && last < first) || (start !== undefined && first >= size);
  if (isWrong) throw new FilesError("InvalidRange", `The file has ${size} bytes`);
  return { first, end: Math.min(last === undefined ? size : last + 1, size) };
}

const isLasting = ([first, ...more]: readonly string[]) =>
  more.length === 0 && (first === undefined || rootDirectories.some((name) => name === first));

async function deleteEntry({ directory, name = "", stat }: Entry, recursive: boolean): Promise<void> {
  if (!stat.isDirectory()) return unlinkSync(directory.at(name));
  if (recursive) return removeTree(directory, name);
  try {
    rmdirSync(directory.at(name));
  } catch (error) {
    if (!hasErrorCode(error, "ENOTEMPTY", "EEXIST")) throw error;
    throw new FilesError("OperationInvalidForCurrentState", "The directory is not empty");
  }
}
