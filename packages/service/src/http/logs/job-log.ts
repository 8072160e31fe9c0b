import { BatchError } from "@kyanite/contract";
import { taskDirectory } from "../../domain/run/directories.ts";
import type { Database } from "../../store/database.ts";
import { readJobsByPk } from "../../store/jobs.ts";
import type { TaskToShow } from "../../store/tasks-to-show.ts";
import { eventsOf } from "./event-log.ts";
import { JobTasks, type JobTasksOptions } from "./job-tasks.ts";
import { Merge } from "./merge.ts";
import type { LogEnd, LogPiece } from "./piece.ts";
import { type LogContext, taskLog } from "./task-log.ts";

export interface JobLogRequest extends JobTasksOptions {
  readonly jobId: string;
  readonly files: readonly string[];
  /** Whether what is still to be written is wanted. */
  readonly isLive: boolean;
  /** Only lines with this text are wanted. */
  readonly contains: string | undefined;
}

export interface JobLogContext extends LogContext {
  readonly database: Database;
  /** Why the server ends the stream. */
  readonly end: () => LogEnd | undefined;
}

/** So many tasks are read at a time: some that run, and some that have completed. */
const mostLive = 32;
const mostCompleted = 8;
const lookMilliseconds = 250;
/** Between two pages of completed tasks among which there are some to be shown. */
const pageMilliseconds = 20;
const beatMilliseconds = 10_000;

/** What all tasks of a job write, as events: those that run as they write, the others one after the other. */
export async function* jobLog(request: JobLogRequest, context: JobLogContext): AsyncGenerator<string> {
  yield ": begin\n\n";
  using tasks = new OpenTasks(request, context);
  const { clock, signal } = context;
  let reason: LogEnd | undefined;
  let lastSent = clock.elapsed();
  while (!signal.aborted && reason === undefined) {
    reason = await tasks.fill();
    const text = await tasks.next();
    if (text !== undefined || clock.elapsed() - lastSent >= beatMilliseconds) {
      yield text ?? ": beat\n\n";
      lastSent = clock.elapsed();
    }
  }
  const last = context.end() ?? reason;
  if (last !== undefined) yield `event: end\ndata: ${JSON.stringify({ reason: last })}\n\n`;
}

class OpenTasks {
  readonly #request: JobLogRequest;
  readonly #context: JobLogContext;
  readonly #tasks: JobTasks;
  readonly #merge = new Merge<string>();
  #live = 0;
  #completed = 0;
  #waiting: readonly TaskToShow[] = [];
  #isSettled = false;
  #nextLook = Number.NEGATIVE_INFINITY;

  constructor(request: JobLogRequest, context: JobLogContext) {
    this.#request = request;
    this.#context = context;
    this.#tasks = new JobTasks(context.database, request);
  }

  [Symbol.dispose](): void {
    this.#merge[Symbol.dispose]();
  }

  /** The next text; undefined when there is none for a while. */
  async next(): Promise<string | undefined> {
    const { clock, signal } = this.#context;
    const pause = new AbortController();
    const end = () => pause.abort();
    signal.addEventListener("abort", end, { once: true });
    const wait = Math.max(0, this.#nextLook - clock.elapsed());
    const text = await this.#merge.next(signal.aborted ? Promise.resolve() : clock.sleep(wait, pause.signal));
    signal.removeEventListener("abort", end);
    end();
    return text;
  }

  /** Opens what there is room for. @returns why there is nothing more to come */
  async fill(): Promise<LogEnd | undefined> {
    const { clock, database } = this.#context;
    const { jobPk, isLive, failed } = this.#request;
    this.#openCompleted();
    if (clock.elapsed() < this.#nextLook) return undefined;
    this.#isSettled = await this.#tasks.isSettled();
    // Looked at before the tasks are: what is added later is none of a job that has ended.
    const [job] = await readJobsByPk(database, [jobPk]);
    if (!this.#isSettled && this.#waiting.length === 0 && this.#completed < mostCompleted)
      this.#waiting = await this.#tasks.completed();
    this.#openCompleted();
    if (isLive && !failed && this.#live < mostLive) await this.#openRunning();
    this.#nextLook = clock.elapsed() + (this.#isSettled ? lookMilliseconds : pageMilliseconds);
    const isIdle = this.#isSettled && this.#merge.size === 0 && this.#waiting.length === 0;
    if (!job) return "jobDeleted";
    if (!isIdle) return undefined;
    if (!isLive) return "sent";
    return job.state === "completed" ? "jobCompleted" : undefined;
  }

  #openCompleted(): void {
    while (this.#completed < mostCompleted) {
      const [task, ...others] = this.#waiting;
      if (!task) return;
      this.#waiting = others;
      this.#completed += 1;
      this.#open(task, false, () => {
        this.#completed -= 1;
      });
    }
  }

  async #openRunning(): Promise<void> {
    const tasks = await this.#tasks.running();
    for (const task of tasks.slice(0, mostLive - this.#live)) {
      this.#live += 1;
      this.#open(task, true, () => {
        this.#live -= 1;
      });
    }
  }

  #open(task: TaskToShow, isLive: boolean, onClose: () => void): void {
    this.#tasks.take(task);
    this.#merge.add(this.#text(task, isLive, onClose));
  }

  async *#text(task: TaskToShow, isLive: boolean, onClose: () => void): AsyncGenerator<string, void> {
    const { files, contains } = this.#request;
    const options = { files, from: undefined, clock: this.#context.clock, taskId: task.id, contains };
    try {
      yield* eventsOf(this.#pieces(task, isLive), options);
    } finally {
      onClose();
    }
  }

  async *#pieces(task: TaskToShow, isLive: boolean): AsyncGenerator<LogPiece, void> {
    const { jobId, files } = this.#request;
    const directory = taskDirectory(jobId, task.id);
    const asked = { taskPk: task.pk, directory, files, isLive, retries: false, start: { offset: 0 } };
    try {
      for await (const piece of taskLog(asked, this.#context)) {
        // One that has no result yet is to run again.
        if (piece.kind === "end" && isRunOver(piece.reason) && !piece.result) this.#tasks.forget(task);
        yield piece;
      }
    } catch (cause) {
      if (!(cause instanceof BatchError)) throw cause;
      yield { kind: "end", reason: cause.code === "TaskFilesUnavailable" ? "nodeLost" : "fileNotFound" };
    }
  }
}

const isRunOver = (reason: LogEnd) => reason === "taskRetried" || reason === "taskRequeued" || reason === "nodeLost";
