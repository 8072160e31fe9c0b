import { buffer } from "node:stream/consumers";
import { BatchError, type ExplainedFailure, type LastLines } from "@kyanite/contract";
import type { Job } from "../../domain/job/job.ts";
import { startTaskDirectory } from "../../domain/run/directories.ts";
import type { Task } from "../../domain/task/task.ts";
import type { HandlerContext } from "../context.ts";
import { readLastLines } from "../operations/last-lines.ts";
import { linesAtEnd } from "../operations/lines-at-end.ts";

/** The logs of a run, or why there are none. */
export type Logs = Pick<ExplainedFailure, "logs" | "logsUnavailable">;

/** How much of the end of a log is shown, and how long a node may take to send it. */
const most = { bytes: 4_096, lines: 20, milliseconds: 3_000 } as const;

/** Errors first. */
const files = ["stderr.txt", "stdout.txt"] as const;

type ReadLog = (file: string, signal: AbortSignal) => Promise<readonly string[] | undefined>;

/** The last lines that a task has written, from its node or from what is kept. */
export function logsOfTask(
  context: Pick<HandlerContext, "database" | "nodeFiles" | "storage">,
  of: { readonly job: Pick<Job, "id">; readonly task: Task },
  signal: AbortSignal,
): Promise<Logs> {
  if (!of.task.nodeInfo) return Promise.resolve({ logsUnavailable: "The task has not run on a compute node" });
  return readLogs(
    (path, patience) => readLastLines(context, of, { path, lines: most.lines, signal: patience }),
    signal,
  );
}

/** The last lines that the start task of a node has written there. */
export function logsOfStartTask(
  nodeFiles: HandlerContext["nodeFiles"],
  nodePk: number,
  signal: AbortSignal,
): Promise<Logs> {
  return readLogs(async (file, patience) => {
    const path = `${startTaskDirectory}/${file}`;
    const stat = await nodeFiles.request(nodePk, { operation: "stat", path }, patience);
    stat.body.resume();
    const length = stat.answer.file?.contentLength ?? 0;
    if (length === 0) return [];
    const start = Math.max(0, length - most.bytes);
    const { body } = await nodeFiles.request(nodePk, { operation: "read", path, start, end: length - 1 }, patience);
    return linesAtEnd(await buffer(body), { lines: most.lines, isWhole: start === 0 });
  }, signal);
}

/** What is not to be had in time is left out, with the reason. */
async function readLogs(read: ReadLog, signal: AbortSignal): Promise<Logs> {
  // What `any` makes does not keep its sources: one that nobody holds is collected, and never aborts.
  const late = AbortSignal.timeout(most.milliseconds);
  const patience = AbortSignal.any([signal, late]);
  try {
    const found: (LastLines | undefined)[] = [];
    for (const file of files) {
      const lines = await read(file, patience);
      found.push(lines && { file, text: lines.join("\n").slice(-most.bytes) });
    }
    const logs = found.filter((log) => log !== undefined);
    if (logs.length === 0)
      return { logsUnavailable: "The compute node is gone, or out of reach, and nothing was kept" };
    return { logs: logs.filter(({ text }) => text !== "") };
  } catch (cause) {
    signal.throwIfAborted();
    if (late.aborted) return { logsUnavailable: "The compute node did not send them in time" };
    if (cause instanceof BatchError) return { logsUnavailable: cause.values.Reason ?? cause.code };
    throw cause;
  }
}
