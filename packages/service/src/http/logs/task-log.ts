import { BatchError } from "@kyanite/contract";
import type { Clock } from "@kyanite/runtime";
import {
  type Followed,
  type FollowOptions,
  nextFollowStep,
  type TaskStanding,
  whyOver,
} from "../../domain/log/following.ts";
import type { NodeFiles } from "../agents/node-files.ts";
import { merged } from "./merged.ts";
import type { FileFate, LogPiece } from "./piece.ts";
import { type FileEnd, type FilePart, type FileStart, readRunFile } from "./run-file.ts";
import type { TaskWatch, WatchedTask } from "./task-watch.ts";

export interface LogContext {
  readonly nodeFiles: NodeFiles;
  readonly watch: TaskWatch;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** What is kept of a file of the task's last run; absent when only its node may be asked. */
  readonly readKept?: (taskPk: number, path: string) => Promise<Buffer | undefined>;
}

/** What is wanted of a task's output. */
export interface TaskLogRequest extends FollowOptions {
  readonly taskPk: number;
  /** Of the task, below the node's root. */
  readonly directory: string;
  /** Paths below that. */
  readonly files: readonly string[];
  /** Where to begin in each of them. */
  readonly start: FileStart;
  /** Where an earlier stream has stopped; counts instead of `start` for that run. */
  readonly from?: { readonly run: number; readonly offsets: readonly number[] } | undefined;
}

const beatMilliseconds = 10_000;
/** Before a node is asked again, that could not be reached. */
const againMilliseconds = [0, 100, 250, 500];
const longestPause = 1_000;
/** How often a node is asked again for the rest of a run that is over. */
const mostTries = 5;

/**
 * Follows a task: the files of its run, and of the next runs if that is wanted, to their end.
 * @throws BatchError before the first piece, when its files cannot be read
 */
export async function* taskLog(request: TaskLogRequest, context: LogContext): AsyncGenerator<LogPiece, void> {
  using watched = context.watch.add(request.taskPk);
  const follower = new TaskFollower(request, { ...context, watched });
  yield* follower.pieces();
}

/** A file of the run that is followed. */
interface Stream {
  readonly name: string;
  start: FileStart;
  /** No more of it comes. */
  isDone: boolean;
}

type FollowerContext = LogContext & { readonly watched: WatchedTask };

class TaskFollower {
  readonly #request: TaskLogRequest;
  readonly #context: FollowerContext;
  #followed: Followed;
  #streams: readonly Stream[];
  #tries = 0;
  #isTold = false;

  constructor(request: TaskLogRequest, context: FollowerContext) {
    this.#request = request;
    this.#context = context;
    const { files, from, start } = request;
    this.#followed = { run: from?.run, standing: undefined, isComplete: false };
    this.#streams = files.map((name, index) => ({
      name,
      start: from ? { offset: from.offsets[index] ?? 0 } : start,
      isDone: false,
    }));
  }

  async *pieces(): AsyncGenerator<LogPiece, void> {
    const { watched, signal } = this.#context;
    let task = await watched.refresh();
    while (!signal.aborted) {
      const step = nextFollowStep(task, this.#followed, this.#request);
      if (task && this.#followed.run !== task.run && step.kind !== "end" && step.kind !== "wait")
        yield* this.#begin(task);
      switch (step.kind) {
        case "end":
          yield { kind: "end", reason: step.reason, exitCode: task?.exitCode ?? null, result: task?.result ?? null };
          return;
        case "wait":
          yield { kind: "beat" };
          await watched.changed(task, beatMilliseconds, signal);
          task = watched.standing;
          break;
        default: {
          const fate = task && (yield* this.#read(task, step));
          task = await watched.refresh();
          // What has become of the file does not matter when it is because of the next run, or of the task's end.
          if (fate === undefined || task?.run !== this.#followed.run) break;
          yield { kind: "end", reason: fate, exitCode: task?.exitCode ?? null, result: task?.result ?? null };
          return;
        }
      }
    }
  }

  /** From here on another run is followed. */
  async *#begin(task: TaskStanding): AsyncGenerator<LogPiece, void> {
    const { run, standing, isComplete } = this.#followed;
    if (run !== undefined)
      yield { kind: "runEnd", run, reason: whyOver(standing, task), exitCode: task.exitCode, isComplete };
    // Who goes on after an older run begins at the beginning, as with every run after the first.
    const isFirst = run === undefined;
    this.#streams = this.#streams.map(({ name, start }) => ({
      name,
      start: isFirst ? start : { offset: 0 },
      isDone: false,
    }));
    this.#followed = { run: task.run, standing: task, isComplete: false };
    this.#tries = 0;
    this.#isTold = false;
  }

  /** Reads all files of a run as far as they go. @returns why there is no more to come, when that is not the run's end */
  async *#read(
    task: TaskStanding,
    step: { readonly kind: "rest" } | { readonly kind: "live"; readonly runId: string },
  ): AsyncGenerator<LogPiece, FileFate | "nodeLost" | undefined> {
    const isLive = step.kind === "live";
    this.#followed = { ...this.#followed, standing: task };
    if (isLive) yield* this.#tell(task);
    const fates: FileFate[] = [];
    const open = this.#streams.filter(({ isDone }) => !isDone);
    const isAlone = this.#request.files.length === 1;
    yield* merged(
      open.map((stream) => this.#follow(stream, task, { ...(isLive && { runId: step.runId }), fates, isAlone })),
    );
    const isComplete = this.#streams.every(({ isDone }) => isDone);
    this.#followed = { ...this.#followed, isComplete };
    if (isComplete) return isAlone ? fates[0] : undefined;
    this.#tries += 1;
    if (!isLive && this.#tries >= mostTries) return "nodeLost";
    yield { kind: "beat" };
    await this.#context.clock.sleep(againMilliseconds[this.#tries] ?? longestPause, this.#context.signal);
    return undefined;
  }

  async *#follow(
    stream: Stream,
    task: TaskStanding,
    { runId, fates, isAlone }: { readonly runId?: string; readonly fates: FileFate[]; readonly isAlone: boolean },
  ): AsyncGenerator<LogPiece, void> {
    const { run, nodePk } = task;
    const isRunOver = () => {
      const { standing } = this.#context.watched;
      return standing?.run !== run || standing.state === "completed";
    };
    const path = `${this.#request.directory}/${stream.name}`;
    const live = runId === undefined ? { isLive: false } : { isLive: true, runId };
    try {
      if (nodePk === null) throw new BatchError("TaskFilesUnavailable", { Reason: "The compute node is gone" });
      const file = { nodePk, path, ...live };
      const end = yield* this.#parts(stream, readRunFile(file, stream.start, { ...this.#context, isRunOver }), task);
      stream.isDone = end !== "broken";
      if (end === "broken" || end === "complete") return;
      fates.push(end);
      yield { kind: "file", run, stream: stream.name, fate: end };
    } catch (cause) {
      if (!(cause instanceof BatchError)) throw cause;
      const isAway = cause.code === "TaskFilesUnavailable";
      if (isAway && !live.isLive && (yield* this.#kept(stream, task))) return;
      if (isAway && (live.isLive || this.#isTold)) return;
      if (isAway || (isAlone && !this.#isTold)) throw cause;
      stream.isDone = true;
      const fate = cause.code === "FileNotFound" ? "fileNotFound" : "fileUnreadable";
      fates.push(fate);
      yield { kind: "file", run, stream: stream.name, fate };
    }
  }

  async *#parts(
    stream: Stream,
    parts: AsyncGenerator<FilePart, FileEnd>,
    task: TaskStanding,
  ): AsyncGenerator<LogPiece, FileEnd> {
    const { run } = task;
    try {
      for (;;) {
        const { done, value } = await parts.next();
        if (done) return value;
        if (value.kind !== "beat") yield* this.#tell(task);
        if (value.kind === "beat") yield value;
        if (value.kind === "opened") {
          stream.start = { offset: value.offset };
          yield { kind: "opened", stream: stream.name, offset: value.offset };
        }
        if (value.kind !== "data") continue;
        stream.start = { offset: value.offset + value.bytes.length };
        this.#tries = 0;
        yield { kind: "data", run, stream: stream.name, offset: value.offset, bytes: value.bytes };
      }
    } finally {
      await parts.return("broken");
    }
  }

  /** What is kept of a file whose node cannot be asked. @returns whether something is */
  async *#kept(stream: Stream, task: TaskStanding): AsyncGenerator<LogPiece, boolean> {
    const content = await this.#context.readKept?.(task.pk, stream.name);
    if (content === undefined) return false;
    yield* this.#tell(task, true);
    const { start, name } = stream;
    const offset = "tail" in start ? Math.max(0, content.length - start.tail) : Math.min(start.offset, content.length);
    yield { kind: "opened", stream: name, offset };
    if (offset < content.length)
      yield { kind: "data", run: task.run, stream: name, offset, bytes: content.subarray(offset) };
    stream.isDone = true;
    return true;
  }

  async *#tell({ run, nodeId }: TaskStanding, isKept = false): AsyncGenerator<LogPiece, void> {
    if (this.#isTold) return;
    this.#isTold = true;
    yield { kind: "run", run, nodeId, isKept };
  }
}
