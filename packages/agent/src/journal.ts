import { renameSync, rmSync, writeFileSync } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { AgentReport } from "@kyanite/contract";
import { isRunning, type ProcessRecord, readTextIfExists } from "@kyanite/runtime";

export type FinishedReport = Extract<AgentReport, { type: "finished" }>;

/**
 * The runs that this node holds, one file each, so that an agent that was killed can still report what had finished,
 * and end what it left running. Files are replaced whole but not synced: after a crash of the machine itself nothing
 * runs any more, and the service requeues. Written without waiting: a few small system calls cost less than their way
 * through Node's thread pool, and every run makes several.
 */
export interface Journal {
  /** Before the command starts there is no process yet. */
  keepRunning(runId: string, leader?: ProcessRecord): void;
  keepFinished(report: FinishedReport): void;
  forget(runId: string): void;
}

export interface JournalContents {
  readonly finished: readonly FinishedReport[];
  readonly running: readonly { readonly runId: string; readonly leader: ProcessRecord | undefined }[];
}

export async function openJournal(directory: string): Promise<Journal & { readonly contents: JournalContents }> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const fileOf = (runId: string) => join(directory, `${runId}.json`);
  const write = (runId: string, value: object) => {
    writeFileSync(`${fileOf(runId)}.new`, JSON.stringify(value), { mode: 0o600 });
    renameSync(`${fileOf(runId)}.new`, fileOf(runId));
  };
  return {
    contents: await readContents(directory),
    keepRunning: (runId, leader) => write(runId, { running: leader ?? null }),
    keepFinished: (report) => write(report.runId, { finished: report }),
    forget: (runId) => rmSync(fileOf(runId), { force: true }),
  };
}

async function readContents(directory: string): Promise<JournalContents> {
  const finished: FinishedReport[] = [];
  const running: { runId: string; leader: ProcessRecord | undefined }[] = [];
  for (const name of await readdir(directory)) {
    const text = name.endsWith(".json") ? await readTextIfExists(join(directory, name)) : undefined;
    const entry = parseEntry(text);
    if (isFinished(entry)) finished.push(entry.finished);
    else if (text === undefined) await rm(join(directory, name), { force: true });
    else running.push({ runId: name.slice(0, -".json".length), leader: leaderOf(entry) });
  }
  return { finished, running };
}

function parseEntry(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return undefined;
  }
}

/** We wrote it ourselves, whole; so the kind is all there is to check. */
const isFinished = (entry: unknown): entry is { finished: FinishedReport } =>
  typeof entry === "object" && entry !== null && "finished" in entry;

function leaderOf(entry: unknown): ProcessRecord | undefined {
  const record = typeof entry === "object" && entry !== null && "running" in entry ? entry.running : undefined;
  if (typeof record !== "object" || record === null || !("pid" in record) || !("startedAt" in record)) return undefined;
  const { pid, startedAt } = record;
  if (typeof pid !== "number" || typeof startedAt !== "string") return undefined;
  return isRunning({ pid, startedAt }) ? { pid, startedAt } : undefined;
}
