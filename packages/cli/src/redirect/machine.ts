import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { processRecord, readRunningProcess, readTextIfExists, writeFileAtomically } from "@kyanite/runtime";
import { withNames, withoutNames } from "./hosts-file.ts";
import type { Redirect } from "./plan.ts";
import { distrust, trust, trustStores } from "./trust-stores.ts";

/** What must outlive the process that has changed the machine. Of all servers of a machine one can have the names. */
export const stateDirectory = "/var/lib/kyanite-redirect";
const hostsFile = "/etc/hosts";
/** There from before the first change until after the last is taken back: a record of the process that answers. */
const recordFile = join(stateDirectory, "redirect.json");

/** `changing`: not all is changed yet. `left`: the process that answered was killed, and the changes are there. */
export type State = "off" | "changing" | "on" | "left";

export async function redirectState(): Promise<State> {
  const text = await readTextIfExists(recordFile);
  if (text === undefined) return "off";
  if (!(await readRunningProcess(recordFile))) return "left";
  return text.includes('"isComplete":true') ? "on" : "changing";
}

export const answeringProcess = () => readRunningProcess(recordFile);

/** What is changed while the names are redirected, a line each, for people. */
export function describeChanges(names: readonly string[]): readonly string[] {
  return [
    `${hostsFile}: ${names.length} names lead to 127.0.0.1, between two lines that are marked`,
    "port 443 of 127.0.0.1: a process of ours answers for them",
    ...trustStores().map((store) => `${store}: an authority for these names only`),
  ];
}

/** Makes the changes, for this process, which answers for the names. When one fails all are taken back. */
export async function changeMachine({ names, authority }: Pick<Redirect, "names" | "authority">): Promise<void> {
  const keep = (isComplete: boolean) =>
    writeFileAtomically(recordFile, JSON.stringify({ ...processRecord(process.pid), isComplete }), 0o644);
  await mkdir(stateDirectory, { recursive: true, mode: 0o755 });
  await keep(false);
  try {
    await trust(authority, stateDirectory);
    await changeHosts((text) => withNames(text, names));
    await keep(true);
  } catch (cause) {
    await restoreMachine();
    throw cause;
  }
}

/** Takes all changes back, also those of a process that was killed. */
export async function restoreMachine(): Promise<void> {
  await changeHosts(withoutNames);
  await distrust(stateDirectory);
  await rm(recordFile, { force: true });
}

/** In place: in a container the file is a mount, and nodes see the same file. */
async function changeHosts(change: (text: string) => string): Promise<void> {
  const text = await readFile(hostsFile, "utf8");
  const changed = change(text);
  if (changed !== text) await writeFile(hostsFile, changed);
}
