import type { Placement } from "../scheduler/snapshot.ts";
import type { Sql } from "../store/database.ts";
import { lockJobsForPlacement } from "../store/jobs.ts";
import { changeLoad, lockNodesForPlacement } from "../store/nodes.ts";
import { notifyOrders } from "../store/notices.ts";
import { startTasks } from "../store/tasks.ts";

/**
 * Carries out a plan in one transaction, and skips whatever has changed since its snapshot: tasks that no longer
 * wait, nodes that may take no more, jobs that are no longer active.
 * @returns how many tasks were placed
 */
export async function placeTasks(sql: Sql, placements: readonly Placement[], now: Date): Promise<number> {
  if (placements.length === 0) return 0;
  const jobs = new Set(await lockJobsForPlacement(sql, [...new Set(placements.map(({ jobPk }) => jobPk))]));
  const nodes = new Set(await lockNodesForPlacement(sql, [...new Set(placements.map(({ nodePk }) => nodePk))]));
  const possible = placements.filter(({ jobPk, nodePk }) => jobs.has(jobPk) && nodes.has(nodePk));
  const placed = await startTasks(sql, possible, now);
  await changeLoad(sql, placed, now);
  await notifyOrders(
    sql,
    placed.map(({ nodePk }) => nodePk),
  );
  return placed.reduce((total, { tasks }) => total + tasks, 0);
}
