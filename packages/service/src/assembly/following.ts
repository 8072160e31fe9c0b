import type { Clock, Log } from "@kyanite/runtime";
import { coalesced } from "../http/coalesced.ts";
import type { Database } from "../store/database.ts";
import { listen, type Notice } from "../store/notices.ts";

export interface Following {
  readonly clock: Clock;
  readonly log: Log;
  readonly database: Database;
  /** Aborts when nothing is told any more. */
  readonly signal: AbortSignal;
}

/** Acts each time that something of this kind has changed. */
export async function whenNoticed(
  notice: Notice,
  { database, signal, ...means }: Following,
  act: () => Promise<void>,
): Promise<void> {
  const actUnlessOver = async () => {
    if (!signal.aborted) await act();
  };
  await listen(database, notice, coalesced(actUnlessOver, means));
}
