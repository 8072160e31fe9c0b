import { type Stats, statSync } from "node:fs";
import { delimiter, resolve } from "node:path";
import { hasErrorCode } from "@kyanite/runtime";
import { userFailure } from "../failure.ts";
import { permits } from "../task-files/rights.ts";
import { isExecutable } from "../tool.ts";
import type { TaskUser } from "../user.ts";
import type { Walls } from "../walls/walls.ts";
import { readInterpreter } from "./interpreter.ts";

/** For whom a program is looked for, and where. */
interface Search {
  readonly workingDirectory: string;
  /** Directories, as in PATH. */
  readonly path: string;
  /** Whose rights count; the agent's own when absent. */
  readonly user: TaskUser | undefined;
  readonly walls: Walls;
}

/** A file that the user may run, and where the agent finds it. */
interface Runnable {
  readonly place: string;
  readonly stat: Stats;
}

/**
 * The program that a command names. A name without a slash is looked for in the working directory, then in PATH; what
 * its user may not run is passed over, as a shell does.
 * @throws StepFailure when there is none that can be started
 */
export function findProgram(name: string, search: Search): string {
  const { workingDirectory, path } = search;
  const places = name.includes("/") ? [workingDirectory] : [workingDirectory, ...path.split(delimiter).filter(Boolean)];
  let closed: string | undefined;
  for (const place of places) {
    const file = resolve(workingDirectory, place, name);
    if (wasFound(file, search)) return file;
    const found = look(file, search);
    if (found === "closed") closed ??= file;
    else if (found) {
      checkInterpreter(file, found, search);
      remember(file, found, search);
      return file;
    }
  }
  if (closed !== undefined) throw launchFailed(`${closed} is not executable`);
  throw programNotFound(`No such file: ${name}`);
}

interface Known extends Runnable {
  readonly since: number;
  readonly age: number;
  readonly user: TaskUser | undefined;
}

/** For so long a program is taken to be what it was as long as its file has not changed. */
const knownMilliseconds = 1_000;
const mostKnown = 100;
const known = new WeakMap<Walls, Map<string, Known>>();

/** Most runs of a node are of a few programs, and a look at each part of a path costs as much as the whole start. */
function wasFound(file: string, { user, walls }: Search): boolean {
  const entry = known.get(walls)?.get(file);
  if (!entry || entry.age !== walls.age || entry.user?.uid !== user?.uid || entry.user?.gid !== user?.gid) return false;
  if (performance.now() - entry.since > knownMilliseconds) return false;
  const stat = fileAt(entry.place);
  return stat?.ino === entry.stat.ino && stat.ctimeMs === entry.stat.ctimeMs;
}

function remember(file: string, found: Runnable, { user, walls }: Search): void {
  const entries = known.get(walls) ?? new Map<string, Known>();
  if (entries.size >= mostKnown) entries.clear();
  known.set(walls, entries.set(file, { ...found, since: performance.now(), age: walls.age, user }));
}

/** As the node sees it, where that is another machine than ours. */
function look(file: string, { user, walls }: Search): Runnable | "closed" | undefined {
  const place = walls.see(file);
  const stat = place === undefined ? undefined : fileAt(place);
  if (place === undefined || stat === undefined) return undefined;
  const isReached = () => !user || walls.see(file, (directory) => permits(directory, user, "search")) !== undefined;
  const mayRun = user ? permits(stat, user, "run") : isExecutable(place);
  return mayRun && isReached() ? { place, stat } : "closed";
}

/** The system says only that something is missing when it cannot start a script, and a shell that the script is. */
function checkInterpreter(file: string, { place, stat }: Runnable, { workingDirectory, user, walls }: Search): void {
  if (user && !permits(stat, user, "read")) return;
  const interpreter = readInterpreter(place);
  if (interpreter === undefined) return;
  const program = walls.see(resolve(workingDirectory, interpreter));
  if (program !== undefined && fileAt(program)) return;
  const why = interpreter.endsWith("\r") ? ": the lines of the script end as those of Windows do" : "";
  throw launchFailed(`${file} has the interpreter ${JSON.stringify(interpreter)}, which does not exist${why}`);
}

function fileAt(path: string): Stats | undefined {
  try {
    const stat = statSync(path);
    return stat.isFile() ? stat : undefined;
  } catch (error) {
    if (hasErrorCode(error, "ENOENT", "ENOTDIR", "EACCES", "ELOOP", "ENAMETOOLONG", "ERR_INVALID_ARG_VALUE"))
      return undefined;
    throw error;
  }
}

/** The failure of a command whose program there is not. */
export const programNotFound = (reason: string) =>
  userFailure("CommandProgramNotFound", "The specified command program is not found", { Message: reason });

/** The failure of a command whose program is there and does not start. */
export const launchFailed = (reason: string, cause?: unknown) =>
  userFailure("CommandLaunchFailed", "The specified command program could not be started", { Message: reason }, cause);
