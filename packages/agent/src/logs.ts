import { basename, dirname, join } from "node:path";
import type { NodeRequest } from "@kyanite/contract";
import { type Clock, Directory, hasErrorCode, type Log } from "@kyanite/runtime";
import { uploadFile } from "@kyanite/storage";
import { NotPlainFile, type OpenFile, openFile } from "./task-files/plain-file.ts";

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
  /** On which nobody but the agent can put anything. */
  readonly place: string;
  /** Below the place; the start task can put there what it likes. */
  readonly path: readonly string[];
  readonly name: string;
}

/** The logs of the agent, and what the start task has printed, as far as they were written in the time asked for. */
export function logFiles({ root, logFile }: LogPlaces, request: LogsRequest): readonly LogFile[] {
  const agentLog = logFile ?? join(dirname(root), "agent.log");
  const [place, file] = [dirname(agentLog), basename(agentLog)];
  const candidates = [
    { place, path: [file], name: "agent.log" },
    { place, path: [`${file}.1`], name: "agent.log.1" },
    ...["stdout.txt", "stderr.txt"].map((name) => ({ place: root, path: ["startup", name], name: `startup/${name}` })),
  ];
  return candidates.filter((candidate) => wasWrittenIn(candidate, request));
}

function wasWrittenIn(log: LogFile, { startTime, endTime }: LogsRequest): boolean {
  using file = openLog(log);
  if (file === undefined) return false;
  const { mtime, birthtime } = file.stat;
  return mtime >= new Date(startTime) && (endTime === undefined || birthtime <= new Date(endTime));
}

/** Undefined when there is none. */
function openLog({ place, path }: LogFile): OpenFile | undefined {
  try {
    using top = Directory.open(place);
    using directory = top.enterAll(path.slice(0, -1));
    return openFile(directory, path.at(-1) ?? "");
  } catch (error) {
    if (error instanceof NotPlainFile || hasErrorCode(error, "ENOENT", "ENOTDIR", "ELOOP")) return undefined;
    throw error;
  }
}

/** Uploads logs one after the other; one that cannot be uploaded keeps no other back. */
export async function uploadLogs(
  files: readonly LogFile[],
  { containerUrl, directory }: LogsRequest,
  { clock, log, signal }: UploadMeans,
): Promise<void> {
  for (const file of files) {
    try {
      using opened = openLog(file);
      if (opened === undefined) continue;
      const blobName = `${directory}/${file.name}`;
      await uploadFile({ fd: opened.fd, containerUrl, blobName }, { clock, signal });
    } catch (cause) {
      if (signal.aborted) return;
      log.warn("log not uploaded", { file: file.name, cause });
    }
  }
}
