import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

export interface Place {
  /** Beside our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly directory: string;
  /** What becomes of what it prints on standard error. */
  readonly errors?: "inherit" | "ignore";
}

interface Program extends Place {
  readonly signal: AbortSignal;
}

/**
 * Runs a program to its end, what it prints on standard output dropped. Should `signal` abort, it is killed with
 * all that it started: it leads a process group, which Ctrl-C in a terminal does not reach by itself.
 * @throws when it does not succeed
 */
export async function runProgram(command: string, args: readonly string[], options: Program): Promise<void> {
  const { signal } = options;
  signal.throwIfAborted();
  const child = startProgram(command, args, options);
  const kill = () => process.kill(-(child.pid ?? 0), "SIGKILL");
  signal.addEventListener("abort", kill, { once: true });
  try {
    const [code] = await once(child, "exit");
    signal.throwIfAborted();
    if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}`);
  } finally {
    signal.removeEventListener("abort", kill);
  }
}

export const runShell = (script: string, options: Program) => runProgram("/bin/sh", ["-c", script], options);

export function startProgram(command: string, args: readonly string[], place: Place): ChildProcess {
  const { env = {}, directory, errors = "inherit" } = place;
  return spawn(command, args, {
    cwd: directory,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ["ignore", "ignore", errors],
  });
}

export async function isInstalled(program: string): Promise<boolean> {
  const [code] = await once(spawn("/bin/sh", ["-c", `command -v ${program}`], { stdio: "ignore" }), "exit");
  return code === 0;
}

/** Ends a program that {@link startProgram} has started. */
export async function endProgram(child: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill(signal);
  await exit;
}
