import type { Clock, Log } from "@kyanite/runtime";
import { type Cursor, cursorAfterRow } from "../../domain/event/cursor.ts";
import type { EventRow } from "../../domain/event/event.ts";
import { readRowsAfter } from "../../events/reading.ts";
import { withinMemory } from "../../events/recent-rows.ts";
import type { Database } from "../../store/database.ts";
import { readEventBounds, readEvents, watchEvents } from "../../store/events.ts";
import { listen } from "../../store/notices.ts";
import { coalesced } from "../coalesced.ts";

/** Somebody who follows the feed, for as long as it is not disposed of. */
export interface Subscription extends Disposable {
  /** Since when it has been given something that it does not take, by the clock's `elapsed`. */
  offeredAt: number | undefined;
  /** Whether it has taken nothing for too long. */
  isSlow: boolean;
}

export interface FeedParts {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Log;
}

const rowsAtOnce = 100;
/** So many of those who are behind read the table at a time. */
const readersAtOnce = 2;
const beatSeconds = 15;
const watchSeconds = 60;
/** Who takes nothing for so long is ended. */
const patienceSeconds = 60;

/** What a server reads of the feed: each row once, for all that follow it. */
export class Feed {
  readonly #parts: FeedParts;
  readonly #subscriptions = new Set<Subscription>();
  readonly #behind = new Map<number, Promise<readonly EventRow[]>>();
  readonly #texts = new Map<string, Buffer>();
  readonly #stopping = new AbortController();
  readonly #read: () => void;
  #rows: readonly EventRow[] = [];
  #last: number | undefined;
  #turn = nextTurn();
  #beats: Promise<void> = Promise.resolve();
  #unlisten: () => Promise<void> = async () => {};

  constructor(parts: FeedParts) {
    this.#parts = parts;
    this.#read = coalesced(() => this.#readNew(), parts);
  }

  async start(): Promise<void> {
    this.#unlisten = await listen(this.#parts.database, "positions", this.#read);
    this.#beats = this.#beat();
  }

  /** Wakes all who wait. */
  async stop(): Promise<void> {
    this.#stopping.abort("stopping");
    this.#turn.over();
    await this.#beats;
    await this.#unlisten().catch(() => {});
  }

  async subscribe(): Promise<Subscription> {
    const subscription: Subscription = {
      offeredAt: undefined,
      isSlow: false,
      [Symbol.dispose]: () => this.#leave(subscription),
    };
    this.#subscriptions.add(subscription);
    try {
      if (this.#last === undefined) await this.#begin();
      return subscription;
    } catch (cause) {
      this.#leave(subscription);
      throw cause;
    }
  }

  #leave(subscription: Subscription): void {
    this.#subscriptions.delete(subscription);
    // What comes while nobody follows is not read.
    if (this.#subscriptions.size === 0) this.#last = undefined;
  }

  /** Where the feed ends now. */
  async end(): Promise<Cursor> {
    return cursorAfterRow((await readEventBounds(this.#parts.database)).last);
  }

  /**
   * The next rows after a cursor; waits for some, and answers none at each beat.
   * @throws BatchError EventCursorTooOld
   */
  async after(cursor: Cursor): Promise<readonly EventRow[]> {
    const { position } = cursor;
    if (this.#last === undefined || position >= this.#last) {
      await this.#turn.promise;
      return this.#inMemory(position);
    }
    const [first] = this.#rows;
    return first && position + 1 >= first.position ? this.#inMemory(position) : this.#readBehind(cursor);
  }

  /** What `make` makes of the rows up to a position, made once for all that are at the end of the feed. */
  text(key: string, position: number, make: () => string): Buffer {
    const known = this.#texts.get(key);
    if (known) return known;
    const text = Buffer.from(make());
    if (position === this.#last) this.#texts.set(key, text);
    return text;
  }

  #inMemory(position: number): readonly EventRow[] {
    const first = this.#rows[0]?.position ?? 0;
    const start = position + 1 - first;
    return start < 0 ? [] : this.#rows.slice(start, start + rowsAtOnce);
  }

  /** Readers at the same place share what is read, and there are few at a time. */
  async #readBehind(cursor: Cursor): Promise<readonly EventRow[]> {
    const known = this.#behind.get(cursor.position);
    if (known) return known;
    while (this.#behind.size >= readersAtOnce) await Promise.race(this.#behind.values()).catch(() => {});
    const reading = readRowsAfter(this.#parts.database, cursor, rowsAtOnce);
    this.#behind.set(cursor.position, reading);
    try {
      return await reading;
    } finally {
      if (this.#behind.get(cursor.position) === reading) this.#behind.delete(cursor.position);
    }
  }

  /** Has writers tell of events from now on, and begins where the feed ends. */
  async #begin(): Promise<void> {
    const { database } = this.#parts;
    await watchEvents(database, watchSeconds);
    const { last } = await readEventBounds(database);
    this.#rows = [];
    this.#last = last;
  }

  async #readNew(): Promise<void> {
    while (this.#subscriptions.size > 0 && this.#last !== undefined && !this.#stopping.signal.aborted) {
      const from: number = this.#last;
      const rows = await readEvents(this.#parts.database, from, rowsAtOnce);
      // Somebody may have begun anew meanwhile.
      if (this.#last !== from) continue;
      const last = rows.at(-1);
      if (!last) return;
      this.#rows = withinMemory([...this.#rows, ...rows]);
      this.#last = last.position;
      this.#texts.clear();
      this.#endTurn();
    }
  }

  #endTurn(): void {
    const { over } = this.#turn;
    this.#turn = nextTurn();
    over();
  }

  async #beat(): Promise<void> {
    const { database, clock } = this.#parts;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await clock.sleep(beatSeconds * 1000, signal);
      if (this.#subscriptions.size === 0) continue;
      await watchEvents(database, watchSeconds).catch(() => {});
      const latest = clock.elapsed() - patienceSeconds * 1000;
      for (const subscription of this.#subscriptions)
        if (subscription.offeredAt !== undefined && subscription.offeredAt < latest) subscription.isSlow = true;
      this.#endTurn();
      // A notice may have been lost.
      this.#read();
    }
  }
}

function nextTurn() {
  let over: () => void = () => {};
  const promise = new Promise<void>((resolve) => {
    over = resolve;
  });
  return { promise, over: () => over() };
}
