import { fstatSync } from "node:fs";
import { basename } from "node:path";
import type { Directory } from "@kyanite/runtime";
import { type OpenFile, openEmptied, openForAppending } from "../task-files/plain-file.ts";
import type { TaskUser } from "../user.ts";
import type { OutputStream } from "./output.ts";

/** Where the output of a command goes. */
export interface OutputPlace {
  readonly taskDirectory: Directory;
  readonly stdout: string;
  readonly stderr: string;
  readonly user: TaskUser | undefined;
}

export type OutputFiles = Readonly<Record<OutputStream, OpenFile>>;

export function openFiles(
  { taskDirectory, stdout, stderr, user }: OutputPlace,
  how: "emptied" | "for appending",
): OutputFiles {
  const open = how === "emptied" ? openEmptied : openForAppending;
  const out = open(taskDirectory, basename(stdout), { user });
  try {
    return { stdout: out, stderr: open(taskDirectory, basename(stderr), { user }) };
  } catch (cause) {
    out[Symbol.dispose]();
    throw cause;
  }
}

export function closeFiles(files: OutputFiles): void {
  for (const file of Object.values(files)) file[Symbol.dispose]();
}

export const sizesOf = ({ stdout, stderr }: OutputFiles) => ({
  stdout: fstatSync(stdout.fd).size,
  stderr: fstatSync(stderr.fd).size,
});

/** When something was written last, in seconds. */
export const lastWritten = ({ stdout, stderr }: OutputFiles) =>
  Math.max(fstatSync(stdout.fd).mtimeMs, fstatSync(stderr.fd).mtimeMs) / 1000;
