import { BatchError, type ByteRange } from "@kyanite/contract";
import { streamed } from "@kyanite/runtime";
import type { Task } from "../../domain/task/task.ts";
import { readInsteadOfNode, readLastRun } from "../../lifecycle/kept-files.ts";
import { readTaskByPk } from "../../store/tasks.ts";
import type { HandlerContext } from "../context.ts";
import type { EventStreamRequest, Reply } from "../handler.ts";
import { eventLog } from "./event-log.ts";
import { type JobLogRequest, jobLog } from "./job-log.ts";
import { logBody } from "./log-body.ts";
import { nodeLog } from "./node-log.ts";
import type { LogPiece } from "./piece.ts";
import { type Position, readPosition } from "./position.ts";
import { rawLog } from "./raw-log.ts";
import type { FileStart } from "./run-file.ts";
import { type LogContext, type TaskLogRequest, taskLog } from "./task-log.ts";

/** What of a call its stream depends on. */
export interface StreamCall {
  readonly eventStream?: EventStreamRequest;
  readonly isPermitted: () => Promise<boolean>;
  readonly signal: AbortSignal;
}

type LogMeans = Pick<HandlerContext, "database" | "nodeFiles" | "storage" | "taskWatch" | "streams" | "clock">;

const isLog = (path: string) => path === "stdout.txt" || path === "stderr.txt";

const keptReader =
  (means: Pick<LogMeans, "database" | "storage">): LogContext["readKept"] =>
  async (taskPk, path) => {
    const task = await readTaskByPk(means.database, taskPk);
    const run = task && (await readLastRun(means.database, task));
    if (!run) return undefined;
    // Of a run that has written something the log that is not among its files was empty.
    const wasEmpty = run.files.length > 0 && isLog(path) && run.files.every((file) => file.path !== path);
    return wasEmpty ? Buffer.alloc(0) : (await readInsteadOfNode(means, run, path))?.content;
  };

interface FollowedTask extends Omit<TaskLogRequest, "taskPk" | "from"> {
  readonly task: Pick<Task, "pk">;
  /** Whether the time is over for which the files had to be kept. */
  readonly isCleanedUp: boolean;
}

/** Answers with what a task writes. */
export async function followTask(followed: FollowedTask, call: StreamCall, means: LogMeans): Promise<Reply<undefined>> {
  const { task, isCleanedUp, ...request } = followed;
  const from = positionOf(call, request.files.length);
  // Bytes that are kept have headers that say so, and are answered with those.
  const kept = call.eventStream && { readKept: keptReader(means) };
  const make = (signal: AbortSignal) =>
    taskLog({ ...request, taskPk: task.pk, from }, { ...means, ...kept, watch: means.taskWatch, signal });
  try {
    return await streamReply(make, { call, means, files: request.files, from });
  } catch (cause) {
    const isGone = isCleanedUp && cause instanceof BatchError && cause.code === "FileNotFound";
    throw isGone ? new BatchError("TaskFilesCleanedup") : cause;
  }
}

/** Answers with what is written to a file of a node. */
export async function followNodeFile(
  file: { readonly nodePk: number; readonly path: string; readonly start: FileStart; isThere(): Promise<boolean> },
  call: StreamCall,
  means: LogMeans,
): Promise<Reply<undefined>> {
  const from = positionOf(call, 1);
  const [offset] = from?.offsets ?? [];
  const start = offset === undefined ? file.start : { offset };
  const make = (signal: AbortSignal) => nodeLog({ ...file, start }, { ...means, signal });
  return streamReply(make, { call, means, files: [file.path], from });
}

function positionOf({ eventStream }: StreamCall, files: number): Position | undefined {
  return eventStream?.lastEventId === undefined ? undefined : readPosition(eventStream.lastEventId, files);
}

/** Answers with what all tasks of a job write. */
export function followJob(request: JobLogRequest, call: StreamCall, means: LogMeans): Reply<undefined> {
  const stream = means.streams.open(call);
  const context = {
    ...means,
    readKept: keptReader(means),
    watch: means.taskWatch,
    signal: stream.signal,
    end: () => stream.end,
  };
  const body = streamed(() => jobLog(request, context)).once("close", () => stream.close());
  return { stream: body, headers: { ...streamHeaders, "content-type": "text/event-stream" } };
}

const streamHeaders = { "cache-control": "no-store", "x-accel-buffering": "no" };

interface StreamOptions {
  readonly call: StreamCall;
  readonly means: LogMeans;
  readonly files: readonly string[];
  readonly from: Position | undefined;
}

async function streamReply(
  make: (signal: AbortSignal) => AsyncGenerator<LogPiece, void>,
  { call, means, files, from }: StreamOptions,
): Promise<Reply<undefined>> {
  const stream = means.streams.open(call);
  const pieces = make(stream.signal);
  if (call.eventStream) {
    const body = await logBody(stream, pieces, (all) => eventLog(all, { files, from, clock: means.clock }));
    return { stream: body, headers: { ...streamHeaders, "content-type": "text/event-stream" } };
  }
  const raw = rawLog();
  const body = await logBody(stream, pieces, raw.write);
  return {
    stream: body,
    headers: { ...streamHeaders, "content-type": "application/octet-stream" },
    trailers: raw.trailers,
  };
}

interface FollowQuery {
  readonly follow?: boolean;
  readonly retries?: boolean;
  readonly tail?: number;
}

/** @throws BatchError when what is asked for does not go together */
export function followStart({ follow, retries, tail }: FollowQuery, range: ByteRange | undefined): FileStart {
  const wrong = (name: string, reason: string) =>
    new BatchError("InvalidQueryParameterValue", { QueryParameterName: name, Reason: reason });
  if (retries && !follow) throw wrong("retries", "The next runs can only be followed: give follow=true, too");
  if (tail !== undefined && range) throw wrong("tail", "Give either tail or ocp-range");
  if (follow && range?.end !== undefined)
    throw new BatchError("InvalidHeaderValue", {
      HeaderName: "ocp-range",
      Reason: "What is followed has no last byte: give bytes=START-",
    });
  return tail === undefined ? { offset: range?.start ?? 0 } : { tail };
}
