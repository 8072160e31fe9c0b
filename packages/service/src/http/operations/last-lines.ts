import { buffer } from "node:stream/consumers";
import { BatchError } from "@kyanite/contract";
import type { Job } from "../../domain/job/job.ts";
import { taskDirectory } from "../../domain/run/directories.ts";
import type { Task } from "../../domain/task/task.ts";
import { readKeptFile, readLastRun } from "../../lifecycle/kept-files.ts";
import { readNodeById } from "../../store/nodes.ts";
import type { HandlerContext } from "../context.ts";
import { linesAtEnd } from "./lines-at-end.ts";

type LastLinesContext = Pick<HandlerContext, "database" | "nodeFiles" | "storage">;

interface LastLinesRequest {
  /** Below the task's directory, such as `stderr.txt`. */
  readonly path: string;
  readonly lines: number;
  readonly signal: AbortSignal;
}

/** No more of a file is looked at. */
const mostBytes = 8 * 1024;

/**
 * The last lines that a task's present or last run has written to a file: from its node, or from what is kept. Undefined
 * when neither can tell.
 */
export async function readLastLines(
  context: LastLinesContext,
  { job, task }: { readonly job: Pick<Job, "id">; readonly task: Task },
  request: LastLinesRequest,
): Promise<readonly string[] | undefined> {
  const end = (await readEndOnNode(context, { job, task }, request)) ?? (await readKeptEnd(context, task, request));
  return end && linesAtEnd(end.bytes, { lines: request.lines, isWhole: end.isWhole });
}

interface End {
  readonly bytes: Buffer;
  /** Whether that is all there is. */
  readonly isWhole: boolean;
}

async function readEndOnNode(
  { database, nodeFiles }: LastLinesContext,
  { job, task }: { readonly job: Pick<Job, "id">; readonly task: Task },
  { path, signal }: LastLinesRequest,
): Promise<End | undefined> {
  const node = task.nodeInfo ? await readNodeById(database, task.nodeInfo.nodeId) : undefined;
  if (!node) return undefined;
  const file = `${taskDirectory(job.id, task.id)}/${path}`;
  try {
    const { answer, body } = await nodeFiles.request(node.pk, { operation: "stat", path: file }, signal);
    body.resume();
    const size = answer.file?.contentLength ?? 0;
    if (size === 0) return { bytes: Buffer.alloc(0), isWhole: true };
    const start = Math.max(0, size - mostBytes);
    const part = await nodeFiles.request(node.pk, { operation: "read", path: file, start, end: size - 1 }, signal);
    return { bytes: await buffer(part.body), isWhole: start === 0 };
  } catch (cause) {
    if (cause instanceof BatchError) return undefined;
    throw cause;
  }
}

async function readKeptEnd(parts: LastLinesContext, task: Task, { path }: LastLinesRequest): Promise<End | undefined> {
  const run = await readLastRun(parts.database, task);
  const kept = run && (await readKeptFile(parts, run, path));
  if (!kept) return undefined;
  return { bytes: kept.content.subarray(-mostBytes), isWhole: kept.content.length <= mostBytes };
}
