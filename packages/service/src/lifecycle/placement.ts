import type { NodeLoad } from "../domain/node/load.ts";
import { afterPreemption } from "../domain/task/task.ts";
import type { Placement } from "../scheduler/snapshot.ts";
import type { Sql } from "../store/database.ts";
import { lockJobsForPlacement, type PlaceableJob, saveTurns } from "../store/jobs.ts";
import { changeLoad, lockNodesForPlacement, type NodeRoom } from "../store/nodes.ts";
import { notifyOrders } from "../store/notices.ts";
import { beginPreparations, readPreparations } from "../store/preparations.ts";
import { insertSubtasks } from "../store/subtasks.ts";
import { lockRunningTasksByPk, type PlacedLoad, startTasks } from "../store/tasks.ts";
import { takeFromNodes } from "./task.ts";

/**
 * Carries out a plan in one transaction, and skips whatever has changed since its snapshot: tasks that no longer
 * wait, nodes that may take no more, jobs that are no longer active. The first task of a job on a node brings the
 * job's preparation task there. Tasks that have to make room leave first.
 * @returns how many tasks were placed
 */
export async function placeTasks(sql: Sql, placements: readonly Placement[], now: Date): Promise<number> {
  if (placements.length === 0) return 0;
  await preemptTasks(sql, placements, now);
  // This comes before the shared lock on the jobs. Adding tasks takes that lock, too, and neither transaction could
  // then take the exclusive one.
  await saveTurns(sql, turnsOf(placements), now);
  const [jobs, nodes] = await Promise.all([
    lockJobsForPlacement(sql, [...new Set(placements.map(({ jobPk }) => jobPk))]),
    lockNodesForPlacement(sql, [...new Set(placements.flatMap(nodesOf))]),
  ]);
  const isKnown = new Set(jobs.map(({ pk }) => pk));
  const possible = stillFitting(
    placements.filter(({ jobPk }) => isKnown.has(jobPk)),
    nodes,
  );
  const preparing = await readinessOf(sql, jobs, possible);
  const rooms = new Map(nodes.map((node) => [node.pk, node]));

  const started = await startTasks(
    sql,
    possible.flatMap((placement) => {
      const node = rooms.get(placement.nodePk);
      const readiness = nodesOf(placement).map((nodePk) => preparing({ jobPk: placement.jobPk, nodePk }));
      if (!node || readiness.includes("closed")) return [];
      const isPreparing = readiness.some((each) => each !== "closed" && each.waits);
      return [{ taskPk: placement.taskPk, node, isPreparing, isExclusive: placement.isExclusive ?? false }];
    }),
    now,
  );
  const placed = [...started, ...(await placeInstances(sql, possible, started, now))];
  await beginPreparations(
    sql,
    placed.filter((place) => {
      const readiness = preparing(place);
      return readiness !== "closed" && readiness.begins;
    }),
    now,
  );
  await Promise.all([
    changeLoad(sql, totals(placed), now),
    notifyOrders(sql, [...new Set(placed.map(({ nodePk }) => nodePk))]),
  ]);
  return started.reduce((total, { tasks }) => total + tasks, 0);
}

/** Only placements that still fit: another server, or the end of a run, may have filled a node since the snapshot. */
function stillFitting(placements: readonly Placement[], nodes: readonly NodeRoom[]): Placement[] {
  const room = new Map(nodes.map(({ pk, slots, freeSlots }) => [pk, { slots, free: freeSlots }]));
  return placements.filter((placement) => {
    const places = nodesOf(placement).map((pk) => room.get(pk));
    const taken = (slots: number) => (placement.isExclusive ? slots : placement.requiredSlots);
    if (!places.every((place) => place !== undefined && place.free + (placement.beyond ?? 0) >= taken(place.slots)))
      return false;
    for (const place of places) if (place) place.free -= taken(place.slots);
    return true;
  });
}

const nodesOf = ({ nodePk, others = [] }: Placement): readonly number[] => [nodePk, ...others];

const turnsOf = (placements: readonly Placement[]): number[] => [
  ...new Set(placements.flatMap(({ jobPk, isTurn }) => (isTurn ? [jobPk] : []))),
];

/** Takes the tasks from their nodes that have to make room, unless they have ended meanwhile. */
async function preemptTasks(sql: Sql, placements: readonly Placement[], now: Date): Promise<void> {
  const pks = placements.flatMap(({ preempts = [] }) => preempts);
  if (pks.length === 0) return;
  await takeFromNodes(sql, await lockRunningTasksByPk(sql, pks), (task) => afterPreemption(task, now), now);
}

/**
 * Makes the instances of the multi-instance tasks that have been started.
 * @returns what nodes get beside the primaries, which are counted as the tasks themselves
 */
async function placeInstances(
  sql: Sql,
  placements: readonly Placement[],
  started: readonly PlacedLoad[],
  now: Date,
): Promise<PlacedLoad[]> {
  const gangs = placements.filter(({ others }) => others !== undefined);
  if (gangs.length === 0) return [];
  const pks = new Set(started.flatMap(({ recent = [] }) => recent));
  const placed = gangs.filter(({ taskPk }) => pks.has(taskPk));
  await insertSubtasks(
    sql,
    placed.map((each) => ({ taskPk: each.taskPk, nodePks: nodesOf(each) })),
    now,
  );
  return placed.flatMap(({ jobPk, others = [] }) => others.map((nodePk) => ({ jobPk, nodePk, slots: 1, tasks: 1 })));
}

/** Whether a task of a job has to wait on a node, and whether its placement begins the preparation there. */
type Readiness = "closed" | { readonly waits: boolean; readonly begins: boolean };

/** How far nodes are with jobs; it stays so because the caller holds the nodes. */
async function readinessOf(sql: Sql, jobs: readonly PlaceableJob[], placements: readonly Placement[]) {
  const preparing = new Map(jobs.filter(({ preparesNodes }) => preparesNodes).map((job) => [job.pk, job]));
  const wanted = placements.filter(({ jobPk }) => preparing.has(jobPk));
  const known = new Map(
    (wanted.length === 0 ? [] : await readPreparations(sql, [...preparing.keys()], wanted.flatMap(nodesOf))).map(
      ({ jobPk, nodePk, state }) => [`${jobPk} ${nodePk}`, state],
    ),
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
