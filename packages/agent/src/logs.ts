import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { NodeRequest } from "@kyanite/contract";
import { type Clock, hasErrorCode, type Log } from "@kyanite/runtime";
import { uploadFile } from "@kyanite/storage";

/** Where an agent's logs may be. */
export interface LogPlaces {
  readonly root: string;
  /** As the settings say; whoever started the agent may keep its standard error beside the root as well. */
  readonly logFile: string | undefined;
}

export interface UploadMeans {
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

type LogsRequest = Extract<NodeRequest, { operation: "uploadLogs" }>;

interface LogFile {
  readonly file: string;
  readonly name: string;
}

/** The logs of the agent, and what the start task has printed, as far as they were written in the time asked for. */
export async function logFiles({ root, logFile }: LogPlaces, request: LogsRequest): Promise<readonly LogFile[]> {
  const agentLog = logFile ?? join(dirname(root), "agent.log");
  const candidates = [
    { file: agentLog, name: "agent.log" },
    { file: `${agentLog}.1`, name: "agent.log.1" },
    ...["stdout.txt", "stderr.txt"].map((name) => ({ file: join(root, "startup", name), name: `startup/${name}` })),
  ];
  const isWanted = await Promise.all(candidates.map(({ file }) => wasWrittenIn(file, request)));
  return candidates.filter((_, index) => isWanted[index]);
}

async function wasWrittenIn(file: string, { startTime, endTime }: LogsRequest): Promise<boolean> {
  try {
    const { mtime, birthtime } = await stat(file);
    return mtime >= new Date(startTime) && (endTime === undefined || birthtime <= new Date(endTime));
  } catch (error) {
    if (hasErrorCode(error, "ENOENT", "ENOTDIR")) return false;
    throw error;
  }
}

/** Uploads logs one after the other; one that cannot be uploaded keeps no other back. */
export async function uploadLogs(
  files: readonly LogFile[],
  { containerUrl, directory }: LogsRequest,
  { clock, log, signal }: UploadMeans,
): Promise<void> {
  for (const { file, name } of files) {
    try {
      await uploadFile({ file, containerUrl, blobName: `${directory}/${name}` }, { clock, signal });
    } catch (cause) {
      if (signal.aborted) return;
      log.warn("log not uploaded", { file, cause });
    }
  }
}
