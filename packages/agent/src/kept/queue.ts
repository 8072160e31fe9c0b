import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock, Log } from "@kyanite/runtime";
import type { KeptQueue } from "./keep-files.ts";

/** Sends the content of a file of a run. */
export type SendKept = (
  file: { readonly runId: string; readonly number: number },
  content: Buffer,
  signal: AbortSignal,
) => Promise<"taken" | "refused" | "away">;

/** Files of ended runs that are still to be sent. They lie on the disk, and so outlive this agent. */
export interface KeptFiles extends KeptQueue {
  /** The run's report is recorded, so that its files are expected; or nobody waits for them any more. */
  release(runId: string): void;
  /** Resolves when nothing is left that may be sent now. */
  sent(): Promise<void>;
  /** Sends what is released, one after the other, until `signal` aborts. */
  run(send: SendKept, signal: AbortSignal): Promise<void>;
}

interface KeptFilesOptions {
  readonly directory: string;
  /** The runs whose ends are not recorded yet. */
  readonly unreported: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
}

/** A service that is away for long must not fill the disk. */
const mostWaitingBytes = 64 * 1024 * 1024;
const firstPause = 500;
const longestPause = 30_000;

const fileName = /^([0-9a-f-]{36})\.(\d{1,2})$/;

interface Waiting {
  readonly runId: string;
  readonly number: number;
  readonly bytes: number;
}

export function openKeptFiles({ directory, unreported, clock, log }: KeptFilesOptions): KeptFiles {
  const waiting = new Map(readWaiting(directory).map((file) => [nameOf(file), file]));
  const held = new Set(unreported);
  let bytes = [...waiting.values()].reduce((total, file) => total + file.bytes, 0);
  let wake = new AbortController();
  const whenSent: (() => void)[] = [];
  const forget = (file: Waiting) => {
    rmSync(join(directory, nameOf(file)), { force: true });
    if (waiting.delete(nameOf(file))) bytes -= file.bytes;
  };
  const next = () => [...waiting.values()].find(({ runId }) => !held.has(runId));
  return {
    put(file, content) {
      const former = waiting.get(nameOf(file));
      if (former) forget(former);
      if (bytes + content.length > mostWaitingBytes) return false;
      if (!write(directory, nameOf(file), content, log)) return false;
      held.add(file.runId);
      waiting.set(nameOf(file), { ...file, bytes: content.length });
      bytes += content.length;
      return true;
    },
    release(runId) {
      if (held.delete(runId)) wake.abort();
    },
    sent: () => (next() === undefined ? Promise.resolve() : new Promise((resolve) => whenSent.push(resolve))),
    async run(send, signal) {
      for (let failures = 0; !signal.aborted; ) {
        wake = new AbortController();
        const file = next();
        if (file === undefined) for (const tell of whenSent.splice(0)) tell();
        const outcome = file && (await sendOne(file, { directory, send, signal, log }));
        if (file && outcome !== "away") forget(file);
        failures = outcome === "away" ? failures + 1 : 0;
        const pause = Math.min(firstPause * 2 ** failures, longestPause);
        if (outcome === "away") await clock.sleep(pause, signal);
        else if (file === undefined) await clock.sleep(longestPause, AbortSignal.any([signal, wake.signal]));
      }
    },
  };
}

const nameOf = ({ runId, number }: Pick<Waiting, "runId" | "number">) => `${runId}.${number}`;

function readWaiting(directory: string): Waiting[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory).flatMap((name) => {
    const [, runId, number] = fileName.exec(name) ?? [];
    if (runId === undefined) return [];
    return [{ runId, number: Number(number), bytes: statSync(join(directory, name)).size }];
  });
}

/** What a full disk does not take is not kept: the run's end counts more. */
function write(directory: string, name: string, content: Buffer, log: Log): boolean {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeFileSync(join(directory, name), content, { mode: 0o600 });
    return true;
  } catch (cause) {
    rmSync(join(directory, name), { force: true });
    log.warn("file not kept", { name, cause });
    return false;
  }
}

interface Sending {
  readonly directory: string;
  readonly send: SendKept;
  readonly signal: AbortSignal;
  readonly log: Log;
}

async function sendOne(file: Waiting, { directory, send, signal, log }: Sending) {
  const { runId, number } = file;
  try {
    const outcome = await send(file, readFileSync(join(directory, nameOf(file))), signal);
    if (outcome === "refused") log.warn("kept file refused", { runId, number });
    return outcome;
  } catch (cause) {
    if (signal.aborted) return "away";
    log.debug("kept file not sent", { runId, number, cause });
    return existsSync(join(directory, nameOf(file))) ? "away" : "refused";
  }
}
