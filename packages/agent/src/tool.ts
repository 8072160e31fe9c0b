import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { hasErrorCode, systemClock } from "@kyanite/runtime";

interface ToolOptions {
  readonly input?: string;
  /** As whom it runs, when not as ourselves. */
  readonly uid?: number;
  readonly gid?: number;
  readonly environment?: Readonly<Record<string, string>>;
  readonly directory?: string;
}

const mostTries = 40;
/** A tool that hangs, for example on a directory service that is away, must not keep the node from saying so. */
const longestMilliseconds = 60_000;

/**
 * Runs one of the machine's programs to its end and gives what it prints. While another process has the file of users
 * or groups locked, it is tried again.
 * @throws with what it says on standard error when it fails
 */
export async function runTool(program: string, args: readonly string[], options: ToolOptions = {}): Promise<string> {
  for (let tries = 1; ; tries++) {
    const { code, output, errors } = await runOnce(program, args, options);
    if (code === 0) return output;
    const isLocked = /cannot lock|try again later/i.test(errors);
    if (!isLocked || tries === mostTries) throw new Error(`${program} failed with ${code}: ${errors.trim()}`);
    await systemClock.sleep(50 + 100 * Math.random());
  }
}

/** Whether we may execute a file. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Path of a program that {@link runTool} could run, where the machine has it. */
export function findTool(program: string): string | undefined {
  // Tools for the administrator need not be in the search path of an agent that is not root.
  const places = [...searchPath().split(":"), "/usr/sbin", "/sbin", "/usr/bin", "/bin"];
  return places.map((place) => join(place, program)).find(isExecutable);
}

const searchPath = () => process.env.PATH ?? "/usr/sbin:/usr/bin:/sbin:/bin";

async function runOnce(program: string, args: readonly string[], options: ToolOptions) {
  const child = spawn(program, args, {
    stdio: ["pipe", "pipe", "pipe"],
    cwd: options.directory ?? "/",
    timeout: longestMilliseconds,
    killSignal: "SIGKILL",
    env: { PATH: searchPath(), LC_ALL: "C", ...options.environment },
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  });
  const ended = new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve));
  child.stdin.on("error", (error) => {
    if (!hasErrorCode(error, "EPIPE")) child.kill();
  });
  child.stdin.end(options.input ?? "");
  const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, output, errors };
}
