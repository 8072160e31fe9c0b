import type { TracedRun } from "../domain/trace/run-spans.ts";
import { aheadOf, type EndedRun, planAhead } from "../scheduler/ahead.ts";
import { plan } from "../scheduler/plan.ts";
import type { Served } from "../scheduler/served.ts";
import type { Placement } from "../scheduler/snapshot.ts";
import type { Sql } from "../store/database.ts";
import { notify } from "../store/notices.ts";
import { readSnapshot, type SnapshotBounds } from "../store/snapshot.ts";
import { placeTasks } from "./placement.ts";
import { type FinishedRun, finishRuns } from "./run.ts";

/** The end of a run, and the node that it was on. */
export interface FinishedRunOnNode extends FinishedRun {
  readonly nodePk: number;
}

interface RefillOptions {
  readonly bounds: SnapshotBounds;
  readonly served: Served;
  readonly now: Date;
  /** Whether more runs have ended and wait to be recorded. */
  readonly isBacklogged?: boolean;
  /** Told of runs whose tasks belong to a trace; the transaction may still fail. */
  readonly onTraced?: (run: TracedRun) => void;
}

/**
 * Records ended runs. The slots that are freed get their next tasks in the same commit, which is most of what a short
 * task waits for; and nodes whose runs are short get some to go on with until we hear of them again.
 */
export async function finishAndRefill(
  sql: Sql,
  runs: readonly FinishedRunOnNode[],
  { bounds, served, now, isBacklogged = false, onTraced }: RefillOptions,
): Promise<void> {
  const ended = await finishRuns(sql, runs, now, { refills: true, onTraced });
  served.note(ended);
  const ahead = aheadOf(ended, { isBacklogged });
  const nodes = new Map(runs.map(({ nodePk }) => [nodePk, ahead.depths.get(nodePk) ?? 0]));
  const snapshot = served.addTo(await readSnapshot(sql, { ...bounds, nodes }, served), now);
  const placements = plan(snapshot);
  const refill = [...placements, ...planAhead(snapshot, placements, ahead)];
  served.noteAhead(refill, now);
  const placed = await placeTasks(sql, refill, now);
  if (placed < refill.length || leavesRoom(ended, refill)) await notify(sql, "schedule");
}

/** Whether a node got fewer tasks than have ended there, so that there may be work for it that was not looked at. */
function leavesRoom(ended: readonly EndedRun[], refill: readonly Placement[]): boolean {
  const balance = new Map<number, number>();
  for (const { nodePk } of ended) balance.set(nodePk, (balance.get(nodePk) ?? 0) - 1);
  for (const { nodePk } of refill) balance.set(nodePk, (balance.get(nodePk) ?? 0) + 1);
  return [...balance.values()].some((tasks) => tasks < 0);
}
