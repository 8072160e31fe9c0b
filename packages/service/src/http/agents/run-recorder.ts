import type { Clock, Log } from "@kyanite/runtime";
import { spansOfRun, type TracedRun } from "../../domain/trace/run-spans.ts";
import { type FinishedRunOnNode, finishAndRefill } from "../../lifecycle/refill.ts";
import type { Served } from "../../scheduler/served.ts";
import { type Database, isDatabaseAway, transaction } from "../../store/database.ts";
import type { SnapshotBounds } from "../../store/snapshot.ts";
import type { Telemetry } from "../../telemetry/telemetry.ts";

export interface ReportedRun extends FinishedRunOnNode {
  /** Whether no slot is without work until it is recorded. */
  readonly mayWait: boolean;
}

export interface RecorderOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly bounds: SnapshotBounds;
  readonly served: Served;
  readonly telemetry?: Pick<Telemetry, "tell"> | undefined;
}

/** How many ended runs are recorded in one transaction. */
const most = 200;

/** For so long others are waited for when nobody is in a hurry: a transaction takes less for each run that it records. */
const gatheringMilliseconds = 10;

/**
 * Records the ends of runs as they come in, all that have come since the last commit in one transaction, and tells
 * when they are safe. While the database is away they wait here, and at their agents, which keep them on disk.
 */
export class RunRecorder {
  readonly #waiting = new Map<string, ReportedRun>();
  readonly #onRecorded: (runs: readonly ReportedRun[]) => void;
  readonly #options: RecorderOptions;
  #recording: Promise<void> | undefined;
  #hurry = new AbortController();
  #isDoubtful = false;
  #isClosed = false;

  constructor(options: RecorderOptions, onRecorded: (runs: readonly ReportedRun[]) => void) {
    this.#options = options;
    this.#onRecorded = onRecorded;
  }

  add(run: ReportedRun): void {
    this.#waiting.set(run.runId, run);
    if (!run.mayWait || this.#waiting.size >= most) this.#hurry.abort("a set is full, or a slot idle");
    this.#recording ??= this.#recordAll().finally(() => {
      this.#recording = undefined;
    });
  }

  /** Resolves when nothing waits any more, or the recorder is closed. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#hurry.abort("closed");
    await this.#recording;
  }

  async #recordAll(): Promise<void> {
    while (this.#waiting.size > 0 && !this.#isClosed) {
      await this.#gather();
      const runs = this.#first(this.#isDoubtful ? 1 : most);
      if (!(await this.#record(runs))) continue;
      for (const { runId } of runs) this.#waiting.delete(runId);
    }
  }

  /** Those that have waited longest; there may be very many. */
  #first(count: number): ReportedRun[] {
    const runs: ReportedRun[] = [];
    for (const run of this.#waiting.values()) {
      if (runs.length === count) break;
      runs.push(run);
    }
    return runs;
  }

  async #gather(): Promise<void> {
    if (this.#waiting.size >= most || this.#isDoubtful || !this.#first(most).every(({ mayWait }) => mayWait)) return;
    this.#hurry = new AbortController();
    await this.#options.clock.sleep(gatheringMilliseconds, this.#hurry.signal);
  }

  /**
   * Records runs, and answers whether they are done with. When a set fails for a reason of its own, runs are recorded
   * one by one, so that one that cannot be recorded keeps no other waiting: it is lost, and stays with its agent when
   * not even that can be recorded.
   */
  async #record(runs: readonly ReportedRun[]): Promise<boolean> {
    const { database, clock, log, bounds, served, telemetry } = this.#options;
    const isBacklogged = this.#waiting.size > most;
    try {
      const traced = await transaction(database, async (sql) => {
        const told: TracedRun[] = [];
        const onTraced = (run: TracedRun) => void told.push(run);
        await finishAndRefill(sql, runs, { bounds, served, now: clock.now(), isBacklogged, onTraced });
        return told;
      });
      telemetry?.tell(traced.flatMap(spansOfRun));
      this.#isDoubtful = false;
      this.#onRecorded(runs);
      return true;
    } catch (cause) {
      if (isDatabaseAway(cause)) await clock.sleep(500);
      else log.error("runs could not be recorded", { runIds: runs.map(({ runId }) => runId).slice(0, 10), cause });
      this.#isDoubtful = !isDatabaseAway(cause);
      const [run] = runs;
      if (isDatabaseAway(cause) || run === undefined || runs.length > 1) return false;
      if (run.exit.kind === "lost") return true;
      this.#waiting.set(run.runId, { ...run, exit: { kind: "lost", reason: "its end could not be recorded" } });
      return false;
    }
  }
}
