import type { Database, Sql } from "./database.ts";

/**
 * What servers tell each other through the database, delivered at commit. A notice only wakes somebody sooner: whoever
 * listens compares what is with what should be, so a lost notice costs time, never correctness.
 */
export const notices = [
  "schedule",
  "orders",
  "pools",
  "nodes",
  "jobs",
  "jobschedules",
  "accounts",
  "events",
  "positions",
  "principals",
] as const;
export type Notice = (typeof notices)[number];

/** @param payload for `orders`, the pks of the nodes concerned */
export async function notify(sql: Sql, notice: Notice, payload = ""): Promise<void> {
  await sql`select pg_notify(${`kyanite_${notice}`}, ${payload})`;
}

/** Wakes the links of these nodes; several notices when one would be too long. */
export async function notifyOrders(sql: Sql, nodePks: readonly number[]): Promise<void> {
  for (let start = 0; start < nodePks.length; start += 500)
    await notify(sql, "orders", nodePks.slice(start, start + 500).join(","));
}

/** Calls `onNotice` for each notice, and once after every (re)connection, since notices may have been lost meanwhile. */
export async function listen(
  database: Database,
  notice: Notice,
  onNotice: (payload: string) => void,
): Promise<() => Promise<void>> {
  const { unlisten } = await database.listen(`kyanite_${notice}`, onNotice, () => onNotice(""));
  return unlisten;
}
