import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { systemClock, waitUntil } from "@kyanite/runtime";
import { type Endpoints, readRunningEndpoints } from "@kyanite/service/host/endpoints";
import { loggedErrors, refuseUnexpected } from "./expected-errors.ts";

const program = fileURLToPath(new URL("../../cli/bin/kyanite.mjs", import.meta.url));

/** `kyanite start` as a process of its own, with the database and storage that it brings. */
export interface ServerProcess {
  readonly endpoints: Endpoints;
  /** Kills the server and nothing else, as a crash would. */
  kill(): Promise<void>;
  /** Stops it in order, its nodes too; gives its exit code. */
  stop(): Promise<number | null>;
}

export interface ServerProcessOptions {
  /** Whether Ctrl-C in our terminal shall not reach it, because we are the one to stop it. */
  readonly detached?: boolean;
  /** Errors that the server may log. Any other makes its end throw. */
  readonly expectsErrors?: readonly RegExp[];
  /** More variables of its environment. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** @throws when it ends instead of becoming ready, with what it printed */
export async function startServerProcess(
  flags: readonly string[],
  options: ServerProcessOptions = {},
): Promise<ServerProcess> {
  const { child, output } = spawnServer(flags, options);
  const dataDirectory = flags[flags.indexOf("--data-dir") + 1] ?? "";
  const found: { endpoints?: Endpoints } = {};
  await waitUntil(
    async () => {
      const endpoints = await readRunningEndpoints(dataDirectory);
      if (endpoints?.pid === child.pid) found.endpoints = endpoints;
      return found.endpoints !== undefined || child.exitCode !== null;
    },
    { clock: systemClock, timeoutMilliseconds: 60_000 },
  );
  if (!found.endpoints) throw new Error(`the server did not become ready: ${output().slice(-4_000)}`);
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
    refuseUnexpected(loggedErrors(output()), options.expectsErrors ?? []);
  };
  return {
    endpoints: found.endpoints,
    kill: () => end("SIGKILL"),
    stop: async () => {
      await end("SIGTERM");
      return child.exitCode;
    },
  };
}

/** What a server that refuses to start says, and its exit code. */
export async function refusedStart(flags: readonly string[]): Promise<{ code: number | null; output: string }> {
  const { child, output } = spawnServer(flags);
  await once(child, "exit");
  return { code: child.exitCode, output: output().slice(-4_000) };
}

function spawnServer(
  flags: readonly string[],
  { detached = false, environment = {} }: ServerProcessOptions = {},
): { child: ChildProcess; output: () => string } {
  const env = { PATH: process.env.PATH, HOME: "/nowhere", ...environment };
  const stdio = ["ignore", "pipe", "pipe"] as const;
  const child = spawn(process.execPath, [program, "start", ...flags], { env, detached, stdio: [...stdio] });
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => chunks.push(chunk.toString()));
  return { child, output: () => chunks.join("") };
}

/**
 * Ports that nobody listened on a moment ago, for servers that must come back on the same ones. The system gives none of
 * this range to others that take any.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(20_000, 32_000);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
