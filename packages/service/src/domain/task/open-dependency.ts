import type { TaskState, UnsatisfiedDependency } from "@kyanite/contract";

/** One way to satisfy one dependency of a waiting task. Without a task when no task of the job matches. */
export interface OpenDependency {
  readonly childPk: number;
  /** What the waiting task depends on: an id, or an integer of a range, which several tasks may match. */
  readonly taskId: string;
  readonly isInRange: boolean;
  readonly parentPk: number | null;
  readonly parentId: string | null;
  readonly parentState: TaskState | null;
}

type DeadEnd = Exclude<UnsatisfiedDependency["reason"], "waiting">;

/** Each task that waits, with the ways to satisfy each of its dependencies. */
type Waits = ReadonlyMap<number, readonly (readonly OpenDependency[])[]>;

/** How many dependencies of a task are named to its user. */
const maxNamed = 100;

/**
 * Why a task waits for each of its dependencies; those that nothing under way can satisfy first.
 * @param open of the task and, as far as they are known, of those that it waits for; others are taken to go on
 */
export function unsatisfiedDependencies(taskPk: number, open: readonly OpenDependency[]): UnsatisfiedDependency[] {
  const waits = waitsOf(open);
  const canGoOn = thoseThatCanGoOn(waits);
  const explained = (waits.get(taskPk) ?? []).map((ways) => explain(taskPk, ways, { waits, canGoOn }));
  const isWaiting = ({ reason }: UnsatisfiedDependency) => reason === "waiting";
  return [...explained.filter((one) => !isWaiting(one)), ...explained.filter(isWaiting)].slice(0, maxNamed);
}

function waitsOf(open: readonly OpenDependency[]): Waits {
  const byChild = groupBy(open, ({ childPk }) => childPk);
  const entries = [...byChild].map(([childPk, ways]) => {
    const byDependency = groupBy(ways, ({ taskId, isInRange }) => `${isInRange} ${taskId.toLowerCase()}`);
    return [childPk, [...byDependency.values()]] as const;
  });
  return new Map(entries);
}

function groupBy<T, K>(values: readonly T[], keyOf: (value: T) => K): ReadonlyMap<K, readonly T[]> {
  const groups = new Map<K, T[]>();
  for (const value of values) {
    const group = groups.get(keyOf(value));
    if (group) group.push(value);
    else groups.set(keyOf(value), [value]);
  }
  return groups;
}

/** The waiting tasks of which every dependency can still be satisfied by what is under way. */
function thoseThatCanGoOn(waits: Waits): ReadonlySet<number> {
  const found = new Set<number>();
  const order = [...waits].reverse();
  let before = -1;
  while (before < found.size) {
    before = found.size;
    for (const [pk, dependencies] of order)
      if (dependencies.every((ways) => ways.some((way) => canSatisfy(way, waits, found)))) found.add(pk);
  }
  return found;
}

function canSatisfy({ parentPk, parentState }: OpenDependency, waits: Waits, canGoOn: ReadonlySet<number>): boolean {
  if (parentPk === null || parentState === "completed") return false;
  return !waits.has(parentPk) || canGoOn.has(parentPk);
}

function explain(
  taskPk: number,
  ways: readonly OpenDependency[],
  { waits, canGoOn }: { readonly waits: Waits; readonly canGoOn: ReadonlySet<number> },
): UnsatisfiedDependency {
  const taskId = ways[0]?.taskId ?? "";
  if (ways.some((way) => canSatisfy(way, waits, canGoOn))) return { taskId, reason: "waiting" };
  const chains = deadEnds(ways, waits, canGoOn);
  const isCause: Record<DeadEnd, (chain: readonly OpenDependency[]) => boolean> = {
    circular: (chain) => chain.at(-1)?.parentPk === taskPk,
    blocked: (chain) => chain.at(-1)?.parentState === "completed",
    missing: (chain) => chain.at(-1)?.parentPk === null,
  };
  for (const reason of ["circular", "blocked", "missing"] as const) {
    const chain = chains.find(isCause[reason]);
    if (chain) return { taskId, reason, ...pathOf(chain) };
  }
  return { taskId, reason: "circular", ...pathOf(circleFrom(ways, waits, canGoOn)) };
}

/** The shortest chain to each task from which nothing comes, shortest first, beginning with one of these ways. */
function deadEnds(
  ways: readonly OpenDependency[],
  waits: Waits,
  canGoOn: ReadonlySet<number>,
): readonly (readonly OpenDependency[])[] {
  const chains: (readonly OpenDependency[])[] = ways.map((way) => [way]);
  const seen = new Set(ways.map(({ parentPk }) => parentPk ?? "missing"));
  for (const chain of chains)
    for (const way of hopelessWays(chain.at(-1), waits, canGoOn)) {
      const place = way.parentPk ?? "missing";
      if (seen.has(place)) continue;
      seen.add(place);
      chains.push([...chain, way]);
    }
  return chains;
}

function hopelessWays(
  way: OpenDependency | undefined,
  waits: Waits,
  canGoOn: ReadonlySet<number>,
): readonly OpenDependency[] {
  const dependencies = waits.get(way?.parentPk ?? Number.NaN) ?? [];
  return dependencies.filter((ways) => !ways.some((one) => canSatisfy(one, waits, canGoOn))).flat();
}

/** From one of these ways along tasks that wait for each other until one comes again. */
function circleFrom(
  ways: readonly OpenDependency[],
  waits: Waits,
  canGoOn: ReadonlySet<number>,
): readonly OpenDependency[] {
  const chain: OpenDependency[] = [];
  const seen = new Set<number | null>();
  for (let [way] = ways; way !== undefined; [way] = hopelessWays(way, waits, canGoOn)) {
    chain.push(way);
    if (seen.has(way.parentPk)) return chain;
    seen.add(way.parentPk);
  }
  return chain;
}

function pathOf([, ...further]: readonly OpenDependency[]): Pick<UnsatisfiedDependency, "path"> {
  return further.length === 0 ? {} : { path: further.map(({ parentId, taskId }) => parentId ?? taskId) };
}
