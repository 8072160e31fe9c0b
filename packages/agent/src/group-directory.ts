import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hasErrorCode } from "@kyanite/runtime";

/** Makes a control group; false when the machine forbids it. */
export function makeGroup(directory: string): boolean {
  try {
    mkdirSync(directory);
    return true;
  } catch {
    return false;
  }
}

/** Puts a process into a group, unless it is over or the machine forbids it. */
export function joinGroup(directory: string, pid: number): void {
  ignoring(["ENOENT", "ESRCH", "EACCES", "EPERM", "EBUSY", "EOPNOTSUPP"], () =>
    writeFileSync(join(directory, "cgroup.procs"), String(pid)),
  );
}

export function membersOf(directory: string): readonly number[] {
  const text = ignoring(["ENOENT", "ENODEV"], () => readFileSync(join(directory, "cgroup.procs"), "utf8")) ?? "";
  return text.split("\n").filter(Boolean).map(Number);
}

/** Nothing happens while a process is in it. */
export function removeGroup(directory: string): void {
  ignoring(["ENOENT", "EBUSY"], () => rmdirSync(directory));
}

/** What `act` gives, or undefined when it fails with one of these codes. */
export function ignoring<Result>(codes: readonly string[], act: () => Result): Result | undefined {
  try {
    return act();
  } catch (error) {
    if (!hasErrorCode(error, ...codes)) throw error;
    return undefined;
  }
}
