import type { NodeLoad } from "../domain/load.ts";
import type { Placement } from "../scheduler/snapshot.ts";
import type { Sql } from "../store/database.ts";
import { lockJobsForPlacement, type PlaceableJob } from "../store/jobs.ts";
import { changeLoad, lockNodesForPlacement } from "../store/nodes.ts";
import { notifyOrders } from "../store/notices.ts";
import { beginPreparations, readPreparations } from "../store/preparations.ts";
import { type PlacedLoad, startTasks } from "../store/tasks.ts";

/**
 * Carries out a plan in one transaction, and skips whatever has changed since its snapshot: tasks that no longer
 * wait, nodes that may take no more, jobs that are no longer active. The first task of a job on a node brings the
 * job's preparation task there.
 * @returns how many tasks were placed
 */
export async function placeTasks(sql: Sql, placements: readonly Placement[], now: Date): Promise<number> {
  if (placements.length === 0) return 0;
  const jobs = await lockJobsForPlacement(sql, [...new Set(placements.map(({ jobPk }) => jobPk))]);
  const nodes = new Set(await lockNodesForPlacement(sql, [...new Set(placements.map(({ nodePk }) => nodePk))]));
  const isKnown = new Set(jobs.map(({ pk }) => pk));
  const possible = placements.filter(({ jobPk, nodePk }) => isKnown.has(jobPk) && nodes.has(nodePk));
  const preparing = await readinessOf(sql, jobs, possible);

  const placed = await startTasks(
    sql,
    possible.flatMap((placement) => {
      const readiness = preparing(placement);
      if (readiness === "closed") return [];
      return [{ ...placement, isPreparing: readiness.waits, isExclusive: placement.isExclusive ?? false }];
    }),
    now,
  );
  await beginPreparations(
    sql,
    placed.filter((place) => {
      const readiness = preparing(place);
      return readiness !== "closed" && readiness.begins;
    }),
    now,
  );
  await changeLoad(sql, totals(placed), now);
  await notifyOrders(sql, [...new Set(placed.map(({ nodePk }) => nodePk))]);
  return placed.reduce((total, { tasks }) => total + tasks, 0);
}

/** Whether a task of a job has to wait on a node, and whether its placement begins the preparation there. */
type Readiness = "closed" | { readonly waits: boolean; readonly begins: boolean };

/** How far nodes are with jobs; it stays so because the caller holds the nodes. */
async function readinessOf(sql: Sql, jobs: readonly PlaceableJob[], places: readonly Placement[]) {
  const preparing = new Map(jobs.filter(({ preparesNodes }) => preparesNodes).map((job) => [job.pk, job]));
  const wanted = places.filter(({ jobPk }) => preparing.has(jobPk));
  const known = new Map(
    (wanted.length === 0
      ? []
      : await readPreparations(
          sql,
          [...preparing.keys()],
          wanted.map(({ nodePk }) => nodePk),
        )
    ).map(({ jobPk, nodePk, state }) => [`${jobPk} ${nodePk}`, state]),
  );
  return ({ jobPk, nodePk }: { jobPk: number; nodePk: number }): Readiness => {
    const job = preparing.get(jobPk);
    const state = known.get(`${jobPk} ${nodePk}`) ?? "unprepared";
    if (!job || state === "prepared") return { waits: false, begins: false };
    if (state !== "preparing" && state !== "unprepared") return "closed";
    return { waits: job.waitsForSuccess, begins: state === "unprepared" };
  };
}

/** What each node gets of all jobs together, in the order in which everybody locks nodes. */
function totals(placed: readonly PlacedLoad[]): NodeLoad[] {
  const loads = new Map<number, NodeLoad>();
  for (const { nodePk, slots, tasks, recent = [] } of placed) {
    const load = loads.get(nodePk) ?? { nodePk, slots: 0, tasks: 0 };
    loads.set(nodePk, {
      nodePk,
      slots: load.slots + slots,
      tasks: load.tasks + tasks,
      recent: [...(load.recent ?? []), ...recent],
    });
  }
  return [...loads.values()].sort((one, other) => one.nodePk - other.nodePk);
}
