import { readdirSync, readFileSync, rmdirSync } from "node:fs";
import { basename, join } from "node:path";
import { type Clock, type ProcessRecord, processRecord, signalProcess, waitUntil } from "@kyanite/runtime";
import { controlGroupsOf } from "./control-groups.ts";

const patienceMilliseconds = 2_000;

/**
 * What is left of a container that its runtime does not know any more. A runtime that was killed while it began one has
 * no record of the helper that it had started, nor of the first process: both would wait for ever. The control groups
 * go as well.
 * @returns how many processes had to be ended
 */
export async function endRemains(containerId: string, clock: Clock): Promise<number> {
  if (process.platform !== "linux" || !/^[0-9a-f]{64}$/.test(containerId)) return 0;
  const patience = { clock, timeoutMilliseconds: patienceMilliseconds };
  // Of one that has ended in order, they may be just about to end.
  const isGone = () => processesOf(containerId).length === 0;
  const left = (await waitUntil(isGone, patience)) ? [] : processesOf(containerId);
  for (const each of left) signalProcess(each, "SIGKILL");
  // A group is in use until the last thread has ended.
  await waitUntil(() => removeGroups(containerId), patience);
  return left.length;
}

function processesOf(containerId: string): readonly ProcessRecord[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const isOne =
        isHelper(read(`${name}/cmdline`).split("\0"), containerId) || read(`${name}/cgroup`).includes(containerId);
      return (isOne && processRecord(Number(name))) || [];
    } catch {
      // It has ended meanwhile.
      return [];
    }
  });
}

const read = (name: string) => readFileSync(join("/proc", name), "utf8");

/** The helpers of Podman and Docker that watch a container. */
function isHelper([program = "", ...args]: readonly string[], containerId: string): boolean {
  const name = basename(program);
  const flag = name === "conmon" ? "-c" : name.startsWith("containerd-shim") ? "-id" : undefined;
  return args.some((arg, at) => arg === containerId && args[at - 1] === flag);
}

/** @returns whether none is left */
function removeGroups(containerId: string): boolean {
  for (const { directory } of controlGroupsOf(containerId)) {
    try {
      rmdirSync(directory);
    } catch {
      // Somebody was faster, or something is in it still.
    }
  }
  return controlGroupsOf(containerId).length === 0;
}
