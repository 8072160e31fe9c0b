import { text } from "node:stream/consumers";
import { BatchError, type ExplainedFailure, type LastLines } from "@kyanite/contract";
import type { NodeFiles } from "../agents/node-files.ts";

/** How much of the end of a log is shown, and how long a node may take to send it. */
const most = { bytes: 4_096, lines: 20, milliseconds: 3_000 } as const;

/** The logs of a run, or why there are none. */
export type Logs = Pick<ExplainedFailure, "logs" | "logsUnavailable">;

/** A run's directory on its node. */
export interface LogPlace {
  readonly nodePk: number;
  readonly directory: string;
}

/** The last lines of what a run has written, errors first. What a node does not send in time is left out, with the reason. */
export async function readLastLines(nodeFiles: NodeFiles, place: LogPlace, signal: AbortSignal): Promise<Logs> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(most.milliseconds)]);
  try {
    const logs: LastLines[] = [];
    for (const file of ["stderr.txt", "stdout.txt"]) {
      const end = await readEnd(nodeFiles, { nodePk: place.nodePk, path: `${place.directory}/${file}` }, patience);
      if (end !== "") logs.push({ file, text: end });
    }
    return { logs };
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof BatchError) return { logsUnavailable: cause.values.Reason ?? cause.code };
    if (patience.aborted) return { logsUnavailable: "The compute node did not send them in time" };
    throw cause;
  }
}

async function readEnd(
  nodeFiles: NodeFiles,
  { nodePk, path }: { readonly nodePk: number; readonly path: string },
  signal: AbortSignal,
): Promise<string> {
  const stat = await nodeFiles.request(nodePk, { operation: "stat", path }, signal);
  stat.body.resume();
  const length = stat.answer.file?.contentLength ?? 0;
  if (length === 0) return "";
  const start = Math.max(0, length - most.bytes);
  const { body } = await nodeFiles.request(nodePk, { operation: "read", path, start, end: length - 1 }, signal);
  return lastLines(await text(body), start > 0);
}

/** @param isCut whether the text begins in the middle of a line, or of a character */
export function lastLines(end: string, isCut: boolean): string {
  const all = end.replace(/\r?\n$/, "").split(/\r?\n/);
  const whole = isCut && all.length > 1 ? all.slice(1) : all;
  return whole.slice(-most.lines).join("\n");
}
