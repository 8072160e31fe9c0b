import type { Log } from "@kyanite/runtime";
import { advisoryKey, type Database } from "../store/database.ts";

/**
 * Which loops this server runs: those whose advisory lock it holds. All locks are held on one connection of its own;
 * when that breaks, PostgreSQL gives the locks to whoever asks next, and this server asks again.
 */
export class Leadership {
  readonly #held = new Set<string>();
  readonly #connection: Database;
  readonly #log: Log;

  /** @param open opens a pool of one connection, and calls back when that connection closes */
  constructor(open: (onClose: () => void) => Database, log: Log) {
    this.#log = log;
    this.#connection = open(() => this.#held.clear());
  }

  /** Whether this server runs the loop now. */
  async holds(loop: string): Promise<boolean> {
    if (this.#held.has(loop)) return true;
    const [row] = await this.#connection<{ taken: boolean }[]>`
      select pg_try_advisory_lock(${advisoryKey(`loop:${loop}`)}) as taken`;
    if (!row?.taken) return false;
    this.#held.add(loop);
    this.#log.debug("leading loop", { loop });
    return true;
  }

  async close(): Promise<void> {
    await this.#connection.end({ timeout: 5 });
  }
}
