import type { Clock, Log } from "@kyanite/runtime";
import type { TaskStanding } from "../../domain/log/following.ts";
import type { Database } from "../../store/database.ts";
import { readTaskStandings } from "../../store/followed-tasks.ts";

export interface TaskWatchParts {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Log;
}

/** A task that somebody follows. */
export interface WatchedTask extends Disposable {
  /** As of now; undefined when there is no such task any more. */
  refresh(): Promise<TaskStanding | undefined>;
  /** As it was read last. */
  readonly standing: TaskStanding | undefined;
  /** Resolves when it is no longer as it was; after a while or when `signal` aborts, too. */
  changed(from: TaskStanding | undefined, milliseconds: number, signal: AbortSignal): Promise<void>;
}

interface Entry {
  standing: TaskStanding | undefined;
  followers: number;
  readonly listeners: Set<() => void>;
}

const roundMilliseconds = 250;
/** Those who ask within so long are told by one statement. */
const gatherMilliseconds = 10;
const tasksAtOnce = 1_000;

/** Reads how followed tasks stand: once for all followers of this server, however many there are of a task. */
export class TaskWatch {
  readonly #parts: TaskWatchParts;
  readonly #entries = new Map<number, Entry>();
  readonly #asked = new Set<number>();
  #asking: Promise<void> | undefined;
  #isRunning = false;

  constructor(parts: TaskWatchParts) {
    this.#parts = parts;
  }

  add(pk: number): WatchedTask {
    const entry = this.#entries.get(pk) ?? { standing: undefined, followers: 0, listeners: new Set<() => void>() };
    this.#entries.set(pk, entry);
    entry.followers += 1;
    void this.#run();
    return {
      refresh: async () => {
        await this.#ask(pk);
        return entry.standing;
      },
      get standing() {
        return entry.standing;
      },
      changed: async (from, milliseconds, signal) => {
        if (!isSame(entry.standing, from)) return;
        const pause = new AbortController();
        const end = () => pause.abort();
        entry.listeners.add(end);
        signal.addEventListener("abort", end, { once: true });
        if (!signal.aborted) await this.#parts.clock.sleep(milliseconds, pause.signal);
        entry.listeners.delete(end);
        signal.removeEventListener("abort", end);
      },
      [Symbol.dispose]: () => {
        entry.followers -= 1;
        if (entry.followers === 0) this.#entries.delete(pk);
      },
    };
  }

  /** Reads the task anew, with whatever else is asked for at the time. */
  #ask(pk: number): Promise<void> {
    this.#asked.add(pk);
    this.#asking ??= this.#answerAsked();
    return this.#asking;
  }

  async #answerAsked(): Promise<void> {
    await this.#parts.clock.sleep(gatherMilliseconds);
    const pks = [...this.#asked];
    this.#asked.clear();
    this.#asking = undefined;
    await this.#read(pks);
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    const { clock, log } = this.#parts;
    while (this.#entries.size > 0) {
      await clock.sleep(roundMilliseconds);
      await this.#read([...this.#entries.keys()]).catch((cause: unknown) => log.debug("tasks not read", { cause }));
    }
    this.#isRunning = false;
  }

  async #read(pks: readonly number[]): Promise<void> {
    for (let start = 0; start < pks.length; start += tasksAtOnce) {
      const some = pks.slice(start, start + tasksAtOnce);
      const found = new Map((await readTaskStandings(this.#parts.database, some)).map((task) => [task.pk, task]));
      for (const pk of some) this.#note(pk, found.get(pk));
    }
  }

  #note(pk: number, standing: TaskStanding | undefined): void {
    const entry = this.#entries.get(pk);
    if (!entry || isSame(entry.standing, standing)) return;
    entry.standing = standing;
    for (const listener of entry.listeners) listener();
  }
}

const isSame = (one: TaskStanding | undefined, other: TaskStanding | undefined) =>
  JSON.stringify(one) === JSON.stringify(other);
