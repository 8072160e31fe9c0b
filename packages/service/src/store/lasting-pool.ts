import { Socket } from "node:net";
import { systemClock } from "@kyanite/runtime";
import type postgres from "postgres";
import { type Encryption, Line, type LineTarget, openSocket } from "./line.ts";

type Pool<Types extends Record<string, unknown>> = postgres.Sql<Types>;

/** Makes the socket of a new connection. */
export type OpenLine = (target: LineTarget) => Promise<Line>;

export interface LastingPoolOptions<Types extends Record<string, unknown>> {
  /** Opens a pool of the driver whose connections are these lines. */
  readonly open: (openLine: OpenLine) => Pool<Types>;
  readonly encryption: Encryption;
  /** Called when connections have been lost. */
  readonly onLost: () => void;
}

interface Generation<Types extends Record<string, unknown>> {
  readonly pool: Pool<Types>;
  readonly lines: ReadonlySet<Line>;
  /** Told to the driver as closed when it has ended the pool. */
  readonly lostLines: Line[];
  hasEnded: boolean;
}

interface Listener<Types extends Record<string, unknown>> {
  readonly channel: string;
  readonly onNotice: (payload: string) => void;
  readonly onListening: () => void;
  at?: Generation<Types>;
  unlisten?: () => Promise<void>;
}

/** How long the other connections of a pool that has lost one may take to be lost as well. */
const burialMilliseconds = 100;
/** How long work on connections that still stand may go on after another was lost. */
const leaveSeconds = 5;

/**
 * A pool that looks like the driver's and takes no connection up again that was lost, because the driver does not forget
 * what such a connection was about. The whole pool is replaced: new statements go to the next, what waits for a lost
 * connection fails, and what runs on others may end.
 */
export function lastingPool<Types extends Record<string, unknown>>(options: LastingPoolOptions<Types>): Pool<Types> {
  const pool = new LastingPool(options);
  const own = new Map<string | symbol, unknown>([
    ["listen", pool.listen.bind(pool)],
    ["end", pool.end.bind(pool)],
  ]);
  return new Proxy(pool.current, {
    apply: (_target, _this, parameters) => Reflect.apply(pool.current, undefined, parameters),
    get: (_target, name) => own.get(name) ?? Reflect.get(pool.current, name),
  });
}

class LastingPool<Types extends Record<string, unknown>> {
  readonly #options: LastingPoolOptions<Types>;
  readonly #listeners = new Set<Listener<Types>>();
  readonly #burials = new Set<Promise<void>>();
  #generation: Generation<Types>;
  #isEnded = false;

  constructor(options: LastingPoolOptions<Types>) {
    this.#options = options;
    this.#generation = this.#begin();
  }

  get current(): Pool<Types> {
    return this.#generation.pool;
  }

  async listen(channel: string, onNotice: (payload: string) => void, onListening = () => {}) {
    const listener: Listener<Types> = { channel, onNotice, onListening };
    this.#listeners.add(listener);
    await this.#listenNow(listener).catch((cause: unknown) => {
      this.#listeners.delete(listener);
      throw cause;
    });
    const unlisten = async () => {
      this.#listeners.delete(listener);
      await listener.unlisten?.();
    };
    return { unlisten };
  }

  async end(options?: { timeout?: number }): Promise<void> {
    this.#isEnded = true;
    await Promise.all([endGeneration(this.#generation, options), ...this.#burials]);
  }

  #begin(): Generation<Types> {
    const lines = new Set<Line>();
    const openLine = async (target: LineTarget) => {
      // A connection that could not be made is lost like any other.
      const socket = await openSocket(target, this.#options.encryption).catch((cause: unknown) =>
        new Socket().destroy(cause instanceof Error ? cause : new Error(String(cause))),
      );
      if (generation.hasEnded) socket.destroy();
      const line = new Line(socket, (gone) => {
        lines.delete(gone);
        if (!gone.isLost) return;
        if (generation.hasEnded) return gone.close();
        generation.lostLines.push(gone);
        this.#lose(generation);
      });
      lines.add(line);
      return line;
    };
    const generation: Generation<Types> = { pool: this.#options.open(openLine), lines, lostLines: [], hasEnded: false };
    return generation;
  }

  #lose(generation: Generation<Types>): void {
    if (generation !== this.#generation || this.#isEnded) return;
    this.#generation = this.#begin();
    takeOverTypes(generation.pool, this.current);
    this.#options.onLost();
    const burial = this.#bury(generation).finally(() => this.#burials.delete(burial));
    this.#burials.add(burial);
  }

  async #bury(generation: Generation<Types>): Promise<void> {
    await systemClock.sleep(burialMilliseconds);
    // Where this fails the next pool has been lost, too, and its burial listens again.
    for (const listener of this.#listeners) this.#listenNow(listener).catch(() => {});
    await endGeneration(generation, { timeout: generation.lines.size > 0 ? leaveSeconds : 0 });
  }

  async #listenNow(listener: Listener<Types>): Promise<void> {
    if (listener.at === this.#generation || this.#isEnded) return;
    listener.at = this.#generation;
    const { unlisten } = await this.current.listen(listener.channel, listener.onNotice, listener.onListening);
    listener.unlisten = unlisten;
  }
}

async function endGeneration<Types extends Record<string, unknown>>(
  generation: Generation<Types>,
  options?: { timeout?: number },
): Promise<void> {
  await generation.pool.end(options);
  generation.hasEnded = true;
  // A transaction that the driver still believes to be at work on one of them fails now.
  for (const line of generation.lostLines) line.close();
  // One that was opened at the very end has been overlooked by the driver.
  for (const line of generation.lines) line.destroy();
}

/** What the first connection of all was told of arrays is good for every pool. */
function takeOverTypes<Types extends Record<string, unknown>>(from: Pool<Types>, to: Pool<Types>): void {
  Object.assign(to.options.parsers, from.options.parsers);
  Object.assign(to.options.serializers, from.options.serializers);
  to.options.fetch_types = from.options.fetch_types;
}
