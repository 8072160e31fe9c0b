import { readSync, type Stats } from "node:fs";
import { extname } from "node:path";
import type { NodeFile } from "@kyanite/contract";
import { type Directory, hasErrorCode } from "@kyanite/runtime";
import { NotPlainFile, openFile } from "./task-files/plain-file.ts";

interface Described {
  readonly directory: Directory;
  readonly name: string | undefined;
  readonly stat: Stats;
}

/** What clients are told of something; `path` is below the node's root, as they asked for it. */
export function describe({ directory, name, stat }: Described, path: string): NodeFile {
  if (name === undefined || stat.isDirectory()) return { name: path, isDirectory: true };
  return {
    name: path,
    isDirectory: false,
    contentLength: stat.size,
    lastModified: stat.mtime.toISOString(),
    contentType: stat.isFile() ? contentType(directory, name) : binary,
    fileMode: `0o${stat.mode.toString(8)}`,
  };
}

const binary = "application/octet-stream";
const plain = "text/plain";
const textExtensions = [".txt", ".log", ".out", ".err"];
const lookedAtBytes = 512;

function contentType(directory: Directory, name: string): string {
  if (textExtensions.includes(extname(name).toLowerCase())) return plain;
  return firstBytes(directory, name)?.includes(0) === false ? plain : binary;
}

/** Undefined for what we may not read. */
function firstBytes(directory: Directory, name: string): Buffer | undefined {
  try {
    using file = openFile(directory, name);
    const buffer = Buffer.alloc(lookedAtBytes);
    return buffer.subarray(0, readSync(file.fd, buffer, 0, lookedAtBytes, 0));
  } catch (error) {
    if (error instanceof NotPlainFile || hasErrorCode(error, "EACCES", "EPERM", "EAGAIN", "ENOENT")) return undefined;
    throw error;
  }
}
