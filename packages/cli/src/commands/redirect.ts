import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  aborted,
  isRunning,
  listenForShutdown,
  signalProcess,
  startBackgroundProcess,
  systemClock,
  waitUntil,
} from "@kyanite/runtime";
import { readConfig } from "@kyanite/service/config";
import { listen } from "../redirect/forward.ts";
import {
  answeringProcess,
  changeMachine,
  describeChanges,
  redirectState,
  restoreMachine,
  stateDirectory,
} from "../redirect/machine.ts";
import { runRedirected } from "../redirect/namespace.ts";
import { findTarget, planRedirect, type RedirectTarget } from "../redirect/plan.ts";

export interface RedirectOptions {
  /** Names of Batch accounts, separated by commas. */
  readonly accounts?: string;
}

/** Longer than programs take that make the machine's trust stores anew. */
const patience = { clock: systemClock, timeoutMilliseconds: 120_000 };
const logFile = join(stateDirectory, "redirect.log");

async function targetOf(
  { accounts = "" }: RedirectOptions,
  flags: readonly string[],
): Promise<RedirectTarget & { readonly dataDir: string }> {
  const { dataDir } = await readConfig(flags);
  return { ...(await findTarget(dataDir, accounts.toLowerCase().split(/[ ,]+/).filter(Boolean))), dataDir };
}

/** Redirects the names for the whole machine; says what that changes. */
export async function redirectOn(options: RedirectOptions, flags: readonly string[]): Promise<string> {
  requireRoot();
  if ((await redirectState()) !== "off")
    throw new Error('the machine is redirected already, or was left so: "kyanite redirect off" takes that back');
  const { endpoints, destinations, dataDir } = await targetOf(options, flags);
  const names = [...destinations.keys()];
  const accounts = options.accounts === undefined ? [] : ["--accounts", options.accounts];
  const answering = await startBackgroundProcess({
    command: process.execPath,
    args: [process.argv[1] ?? "", "redirect", "answer", ...accounts, "--data-dir", dataDir],
    env: { PATH: process.env.PATH, JAVA_HOME: process.env.JAVA_HOME },
    directory: "/",
    logFile,
  });
  await waitUntil(async () => (await redirectState()) === "on" || !isRunning(answering), patience);
  if ((await redirectState()) !== "on") throw new Error(`the machine is as before: ${await lastLine()}`);
  return [
    `These names lead to the server at ${endpoints.batchHttpsUrl} now:`,
    ...names.map((name) => `  ${name}`),
    'This is changed until "kyanite redirect off":',
    ...describeChanges(names).map((line) => `  ${line}`),
    "Programs that bring authorities of their own, as Python's requests and Node do, have to be told of the system's.",
    "",
  ].join("\n");
}

const lastLine = async () => (await readFile(logFile, "utf8")).trim().split("\n").at(-1);

/** Takes back what is changed. */
export async function redirectOff(): Promise<string> {
  requireRoot();
  if ((await redirectState()) === "off") return "The machine is not redirected.\n";
  const answering = await answeringProcess();
  if (answering) {
    signalProcess(answering, "SIGTERM");
    await waitUntil(() => !isRunning(answering), patience);
  }
  await restoreMachine();
  return "The machine is as before.\n";
}

export async function redirectStatus(): Promise<string> {
  const texts = {
    off: "off",
    on: "on",
    changing: "being switched",
    left: 'left by a process that was killed: "kyanite redirect off", or the next start of a server as root, takes it back',
  };
  return `${texts[await redirectState()]}\n`;
}

/** The process that answers for the names, as long as the machine is redirected. */
export async function answerRedirected(options: RedirectOptions, flags: readonly string[]): Promise<void> {
  using shutdown = listenForShutdown();
  const redirect = await planRedirect(await targetOf(options, flags));
  // First: when the port is somebody else's nothing is changed.
  await listen(redirect.endpoint, { port: 443, host: "127.0.0.1" });
  await changeMachine(redirect);
  await aborted(shutdown.signal);
  await restoreMachine();
  process.exit();
}

/** Before a server starts: takes back what a killed process has left. */
export async function restoreAfterCrash(): Promise<void> {
  if ((await redirectState()) !== "left") return;
  if (process.getuid?.() !== 0) {
    process.stderr.write(`kyanite: the redirect of this machine was ${await redirectStatus()}`);
    return;
  }
  await restoreMachine();
  process.stderr.write("kyanite: a redirect that was left by a killed process is taken back\n");
}

function requireRoot(): void {
  if (process.platform !== "linux") throw new Error("redirects are for Linux");
  if (process.getuid?.() !== 0)
    throw new Error('only root can change the machine: "kyanite redirect exec -- COMMAND" changes nothing');
}

/** Runs one command with the names redirected; the machine is left alone. */
export async function execRedirected(
  [program, ...args]: readonly string[],
  options: RedirectOptions,
  flags: readonly string[],
): Promise<number> {
  if (program === undefined) throw new Error("say what to run: kyanite redirect exec -- COMMAND");
  if (process.platform !== "linux") throw new Error("redirects are for Linux");
  return runRedirected([program, ...args], await planRedirect(await targetOf(options, flags)));
}
