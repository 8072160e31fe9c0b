import { watch } from "node:fs";
import { readFile, utimes } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, hasErrorCode, type Log, writeFileAtomically } from "@kyanite/runtime";

/**
 * What whoever has started a host wants of a node. `generation` grows with each wish, so that a node that has failed is
 * tried again only when it is wished for again. A node that is removed takes along all that it has on its machine but its
 * directory.
 */
export interface WantedNode {
  readonly state: "running" | "halted" | "removed";
  readonly generation: number;
  /** Such as `1800000-1800255`; absent where a node can have no users of its own. */
  readonly userIds?: string;
}

/** What has become of a wish. `ended`: by itself, since the service does not know the node any more. */
export interface NodeStanding {
  readonly state: WantedNode["state"] | "failed" | "ended";
  readonly generation: number;
  readonly reason?: string;
}

export type WantedNodes = Readonly<Record<string, WantedNode>>;
export type Standings = Readonly<Record<string, NodeStanding>>;

/** Both in the host's own directory; each has one writer, and is replaced as a whole. */
const wantedFile = (directory: string): string => join(directory, "wanted.json");
export const standingsFile = (directory: string): string => join(directory, "nodes.json");
/** Touched every second: who does not, is frozen. */
const pulseFile = (directory: string): string => join(directory, "pulse");

const lookMilliseconds = 1_000;

interface FollowOptions {
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  onWanted(nodes: WantedNodes): void;
}

/** Follows the file of wishes until the signal aborts, and shows all the while that the host is alive. */
export async function followWanted({ directory, clock, log, signal, onWanted }: FollowOptions): Promise<void> {
  await writeFileAtomically(pulseFile(directory), "");
  let last = "";
  let wake = new AbortController();
  // Some file systems tell nothing; then it takes a second.
  const watcher = watch(directory, { signal }, (_, name) => name === "wanted.json" && wake.abort());
  watcher.on("error", (cause) => signal.aborted || log.warn("directory not watched", { cause }));
  while (!signal.aborted) {
    wake = new AbortController();
    const text = await readWanted(directory);
    if (text !== last && text !== "") onWanted(JSON.parse(text));
    last = text;
    await clock.sleep(lookMilliseconds, AbortSignal.any([signal, wake.signal]));
    const now = clock.now();
    await utimes(pulseFile(directory), now, now).catch(() => {});
  }
}

async function readWanted(directory: string): Promise<string> {
  try {
    return await readFile(wantedFile(directory), "utf8");
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return "";
    throw error;
  }
}
