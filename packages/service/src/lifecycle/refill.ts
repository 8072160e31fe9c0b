import { aheadOf, planAhead } from "../scheduler/ahead.ts";
import { plan } from "../scheduler/plan.ts";
import type { Sql } from "../store/database.ts";
import { readSnapshot, type SnapshotBounds } from "../store/snapshot.ts";
import { placeTasks } from "./placement.ts";
import { type FinishedRun, finishRuns } from "./run.ts";

/** The end of a run, and the node that it was on. */
export interface FinishedRunOnNode extends FinishedRun {
  readonly nodePk: number;
}

interface RefillOptions {
  readonly bounds: SnapshotBounds;
  readonly now: Date;
  /** Whether more runs have ended and wait to be recorded. */
  readonly isBacklogged?: boolean;
}

/**
 * Records ended runs. The slots that are freed get their next tasks in the same commit, which is most of what a short
 * task waits for; and nodes whose runs are short get some to go on with until we hear of them again.
 */
export async function finishAndRefill(
  sql: Sql,
  runs: readonly FinishedRunOnNode[],
  { bounds, now, isBacklogged = false }: RefillOptions,
): Promise<void> {
  const ahead = aheadOf(await finishRuns(sql, runs, now), { isBacklogged });
  const nodes = new Map(runs.map(({ nodePk }) => [nodePk, ahead.depths.get(nodePk) ?? 0]));
  const snapshot = await readSnapshot(sql, { ...bounds, nodes });
  const placements = plan(snapshot);
  await placeTasks(sql, [...placements, ...planAhead(snapshot, placements, ahead)], now);
}
