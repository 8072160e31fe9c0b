import type { Database } from "../../store/database.ts";
import {
  readCompletedCount,
  readCompletedTasks,
  readRunningTasks,
  type TaskToShow,
} from "../../store/tasks-to-show.ts";
import { Shown } from "./shown.ts";

export interface JobTasksOptions {
  readonly jobPk: number;
  readonly taskIdPrefix: string;
  /** Whether only tasks that have failed are wanted. */
  readonly failed: boolean;
}

type Result = "success" | "failure";

const tasksAtOnce = 200;

/** How far the completed tasks of a kind have been looked at. */
interface Round {
  /** Where the next page begins. */
  after: string;
  /** Whether some were found that were not shown. */
  hasFound: boolean;
  /** How many had completed when it began. */
  count: number;
}

/**
 * Finds the tasks of a job whose output is still to be shown, each once. It goes round and round through them a page at
 * a time, so a look costs the same for a job of ten tasks or of a million.
 */
export class JobTasks {
  readonly #database: Database;
  readonly #part: { readonly jobPk: number; readonly prefix: string; readonly limit: number };
  readonly #shown = new Shown();
  readonly #rounds: ReadonlyMap<Result, Round>;
  #settledCount = -1;
  #afterPk = 0;

  constructor(database: Database, { jobPk, taskIdPrefix, failed }: JobTasksOptions) {
    this.#database = database;
    this.#part = { jobPk, prefix: taskIdPrefix.toLowerCase(), limit: tasksAtOnce };
    const results: readonly Result[] = failed ? ["failure"] : ["success", "failure"];
    this.#rounds = new Map(results.map((result) => [result, { after: "", hasFound: false, count: -1 }]));
  }

  take({ pk }: TaskToShow): void {
    this.#shown.add(pk);
  }

  /** A task that is run again is to be shown again. */
  forget({ pk }: TaskToShow): void {
    this.#shown.delete(pk);
    this.#settledCount = -1;
  }

  /** Whether every task is shown that has completed by now. */
  async isSettled(): Promise<boolean> {
    return (await readCompletedCount(this.#database, this.#part.jobPk)) === this.#settledCount;
  }

  /** Some that have completed and were not shown. */
  async completed(): Promise<readonly TaskToShow[]> {
    const count = await readCompletedCount(this.#database, this.#part.jobPk);
    const tasks: TaskToShow[] = [];
    for (const [result, round] of this.#rounds) {
      if (round.after === "") Object.assign(round, { hasFound: false, count });
      const page = await readCompletedTasks(this.#database, this.#part, { result, after: round.after });
      const found = page.filter(({ pk }) => !this.#shown.has(pk));
      round.hasFound ||= found.length > 0;
      round.after = page.length < tasksAtOnce ? "" : (page.at(-1)?.key ?? "");
      tasks.push(...found);
    }
    const rounds = [...this.#rounds.values()];
    const [first] = rounds;
    const isClean = rounds.every(
      ({ after, hasFound, count: begun }) => after === "" && !hasFound && begun === first?.count,
    );
    if (isClean) this.#settledCount = first?.count ?? -1;
    return tasks;
  }

  /** Some that run and were not shown. */
  async running(): Promise<readonly TaskToShow[]> {
    const page = await readRunningTasks(this.#database, this.#part, this.#afterPk);
    this.#afterPk = page.length < tasksAtOnce ? 0 : (page.at(-1)?.pk ?? 0);
    return page.filter(({ pk }) => !this.#shown.has(pk));
  }
}
