import type { Clock, Log } from "@kyanite/runtime";
import { placeTasks } from "../lifecycle/placement.ts";
import { type FinishedRun, finishRuns } from "../lifecycle/run.ts";
import { plan } from "../scheduler/plan.ts";
import { type Database, isDatabaseAway, type Sql, transaction } from "../store/database.ts";
import { readSnapshot, type SnapshotBounds } from "../store/snapshot.ts";

export interface ReportedRun extends FinishedRun {
  readonly nodePk: number;
}

export interface RecorderOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly bounds: SnapshotBounds;
}

/** How many ended runs are recorded in one transaction. */
const most = 200;

/**
 * Records the ends of runs as they come in, all that have come since the last commit in one transaction, and tells
 * when they are safe. While the database is away they wait here, and at their agents, which keep them on disk.
 */
export class RunRecorder {
  readonly #waiting = new Map<string, ReportedRun>();
  readonly #onRecorded: (runs: readonly ReportedRun[]) => void;
  readonly #options: RecorderOptions;
  #recording: Promise<void> | undefined;
  #isDoubtful = false;
  #isClosed = false;

  constructor(options: RecorderOptions, onRecorded: (runs: readonly ReportedRun[]) => void) {
    this.#options = options;
    this.#onRecorded = onRecorded;
  }

  add(run: ReportedRun): void {
    this.#waiting.set(run.runId, run);
    this.#recording ??= this.#recordAll().finally(() => {
      this.#recording = undefined;
    });
  }

  /** Resolves when nothing waits any more, or the recorder is closed. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#recording;
  }

  async #recordAll(): Promise<void> {
    while (this.#waiting.size > 0 && !this.#isClosed) {
      const runs = [...this.#waiting.values()].slice(0, this.#isDoubtful ? 1 : most);
      if (!(await this.#record(runs))) continue;
      for (const { runId } of runs) this.#waiting.delete(runId);
    }
  }

  /** The slots that are freed get their next tasks in the same commit, which is most of what a short task waits for. */
  async #finishAndRefill(sql: Sql, runs: readonly ReportedRun[]): Promise<void> {
    const now = this.#options.clock.now();
    await finishRuns(sql, runs, now);
    const nodePks = [...new Set(runs.map(({ nodePk }) => nodePk))];
    await placeTasks(sql, plan(await readSnapshot(sql, { ...this.#options.bounds, nodePks })), now);
  }

  /**
   * Records runs, and answers whether they are done with. When a set fails for a reason of its own, runs are recorded
   * one by one, so that one that cannot be recorded keeps no other waiting; it stays with its agent.
   */
  async #record(runs: readonly ReportedRun[]): Promise<boolean> {
    const { database, clock, log } = this.#options;
    try {
      await transaction(database, (sql) => this.#finishAndRefill(sql, runs));
      this.#isDoubtful = false;
      this.#onRecorded(runs);
      return true;
    } catch (cause) {
      if (isDatabaseAway(cause)) await clock.sleep(500);
      else log.error("runs could not be recorded", { runIds: runs.map(({ runId }) => runId).slice(0, 10), cause });
      const isHopeless = !isDatabaseAway(cause) && runs.length === 1;
      this.#isDoubtful = !isDatabaseAway(cause);
      return isHopeless;
    }
  }
}
