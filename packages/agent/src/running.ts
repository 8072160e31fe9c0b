import type { RunContainer, RunOrder } from "@kyanite/contract";
import { failureOf } from "./failure.ts";
import type { InterruptedRun, Progress } from "./journal.ts";
import type { NodeEvent } from "./node.ts";
import type { NodeParts } from "./node-parts.ts";
import { executeRun, type RunEnding, type RunSignals } from "./run.ts";
import { type StepTimes, stepTimes } from "./step-times.ts";

interface RunUnderWay {
  readonly controller: AbortController;
  readonly proceed: AbortController;
  readonly done: Promise<void>;
}

interface RunningOptions {
  readonly parts: NodeParts;
  /** Aborts when the node ends: what runs then is not reported. */
  readonly stopping: AbortSignal;
  /** Tells the node what has happened to a run. */
  tell(event: NodeEvent): void;
}

/** The runs that are under way on a node. */
export class Running {
  readonly #options: RunningOptions;
  readonly #runs = new Map<string, RunUnderWay>();
  /** Those whose command has been started. */
  readonly #begun = new Set<string>();
  readonly #onBegin = new Map<string, Set<() => void>>();

  constructor(options: RunningOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#runs.size === 0;
  }

  /** Starts a run, once those before it have ended; resolves when it has. */
  start(order: RunOrder, startTime: string, after: readonly string[]): Promise<void> {
    return this.#begin(order, async (signals, steps) => {
      if (after.length > 0) await this.whenEnded(after);
      return this.#execute({ order, startTime, progress: {} }, { elapsedSeconds: 0, steps }, signals);
    });
  }

  /** Goes on with a run that a former agent has begun. */
  resume(run: InterruptedRun): Promise<void> {
    const { clock, log } = this.#options.parts;
    const elapsedSeconds = Math.max(0, clock.now().getTime() - new Date(run.startTime).getTime()) / 1000;
    log.info("run taken over", { runId: run.order.runId });
    return this.#begin(run.order, (signals, steps) => this.#execute(run, { elapsedSeconds, steps }, signals));
  }

  proceed(runId: string): void {
    this.#runs.get(runId)?.proceed.abort();
  }

  stop(runId: string): void {
    this.#runs.get(runId)?.controller.abort();
  }

  /** @param reason with which all of them have failed, when that is why they end */
  stopAll(reason?: Error): void {
    for (const { controller } of this.#runs.values()) controller.abort(reason);
  }

  /** Whether the command of a run that is under way has been started. */
  hasBegun(runId: string): boolean {
    return this.#begun.has(runId);
  }

  /** Calls `tell` when the run's command is started, until it is disposed of. */
  whenBegun(runId: string, tell: () => void): Disposable {
    const told = this.#onBegin.get(runId) ?? new Set();
    this.#onBegin.set(runId, told.add(tell));
    return {
      [Symbol.dispose]: () => {
        told.delete(tell);
        if (told.size === 0) this.#onBegin.delete(runId);
      },
    };
  }

  /** Resolves when a run has ended; undefined when it is not under way. */
  untilEnded(runId: string): Promise<void> | undefined {
    return this.#runs.get(runId)?.done;
  }

  async whenEnded(runIds: Iterable<string> = this.#runs.keys()): Promise<void> {
    await Promise.all([...runIds].map((runId) => this.#runs.get(runId)?.done));
  }

  #begin(order: RunOrder, execute: (signals: RunSignals, steps: StepTimes) => Promise<RunEnding>): Promise<void> {
    const controller = new AbortController();
    const proceed = new AbortController();
    const steps = stepTimes(this.#options.parts.clock, order.isTraced);
    const signals = { cancelled: controller.signal, proceed: proceed.signal };
    const done = this.#report(order, execute(signals, steps), steps)
      .catch((cause: unknown) => this.#lose(order.runId, cause))
      .finally(() => {
        this.#runs.delete(order.runId);
        this.#begun.delete(order.runId);
      });
    this.#runs.set(order.runId, { controller, proceed, done });
    return done;
  }

  async #report(
    { runId, directory, retentionSeconds }: RunOrder,
    ending: Promise<RunEnding>,
    times: StepTimes,
  ): Promise<void> {
    const { parts, stopping, tell } = this.#options;
    const { clock, log, journal, retention } = parts;
    const { exit, kept } = await ending;
    const now = clock.now();
    if (stopping.aborted) return journal.forget(runId);
    if (retentionSeconds !== undefined) retention.set(directory, new Date(now.getTime() + 1000 * retentionSeconds));
    log.info("run ended", { runId, exit });
    const steps = times.told();
    tell({ type: "ended", runId, exit, ...(kept && { kept }), now, ...(steps.length > 0 && { steps }) });
  }

  #noteBegun(runId: string): void {
    this.#begun.add(runId);
    for (const tell of this.#onBegin.get(runId) ?? []) tell();
  }

  /** No run goes on for ever because we have failed. */
  #lose(runId: string, cause: unknown): void {
    const { parts, tell } = this.#options;
    parts.log.error("run lost", { runId, cause });
    tell({ type: "ended", runId, exit: { kind: "lost", reason: "the agent has failed" }, now: parts.clock.now() });
  }

  /** What goes wrong in our own book-keeping, such as on a full disk, is the run's end too: nobody waits in vain. */
  async #execute(
    { order, startTime, progress }: InterruptedRun,
    course: { readonly elapsedSeconds: number; readonly steps: StepTimes },
    signals: RunSignals,
  ): Promise<RunEnding> {
    const { parts, tell } = this.#options;
    const { log, journal, retention } = parts;
    const { runId, jobId, taskId, directory } = order;
    try {
      retention.set(directory, undefined);
      log.info("run started", { runId, jobId, taskId });
      if (progress.command) this.#noteBegun(runId);
      const means = {
        ...parts.runMeans(),
        progress,
        ...course,
        keepProgress: (change: Progress) => {
          if (change.command) this.#noteBegun(runId);
          journal.keepProgress({ order, startTime }, change);
        },
        onContainer: (container: RunContainer) => tell({ type: "contained", runId, container }),
        onCoordinated: () => tell({ type: "coordinated", runId }),
      };
      return await executeRun(order, means, signals);
    } catch (cause) {
      log.error("run not begun", { runId, cause });
      return { exit: { kind: "failed", failure: failureOf(cause) } };
    }
  }
}
