import type { ClosedNodes } from "./eligibility.ts";
import type { FreeNodes } from "./free-nodes.ts";
import type { OrderedTask } from "./order.ts";
import type { RunningTask } from "./snapshot.ts";

/** What may be taken from their nodes while a plan is made. */
export class Preemption {
  #running: readonly RunningTask[];

  /** @param running in the order in which they should go */
  constructor(running: readonly RunningTask[]) {
    this.#running = running;
  }

  /** Whether there are tasks that have to make room for this one. */
  isPossibleFor(task: OrderedTask): boolean {
    return this.#running.some((running) => yields(running, task));
  }

  /** No running task may be taken from its node any more. */
  end(): void {
    this.#running = [];
  }

  /**
   * Makes room for a task at the cost of tasks that yield to it, and of no more than needed.
   * @returns those that have to go; undefined when they cannot make enough room
   */
  makeRoom(task: OrderedTask, nodes: FreeNodes, closed: ClosedNodes): readonly RunningTask[] | undefined {
    const yielding = this.#running.filter((running) => yields(running, task));
    const search = { task, yielding, nodes, closed };
    const chosen = task.instances === undefined ? roomOnOneNode(search) : wholeNodes(search, task.instances);
    if (!chosen) return undefined;
    this.#running = this.#running.filter((running) => !chosen.includes(running));
    for (const { places } of chosen) for (const { nodePk, slots } of places) nodes.release(nodePk, slots);
    return chosen;
  }
}

/** Job managers of equal priority do not yield to each other: they would take turns without end. */
function yields({ priority, isProtected, isManager }: RunningTask, task: OrderedTask): boolean {
  if (priority < task.priority && !isProtected) return true;
  return task.isRestart === true && priority <= task.priority && !isManager;
}

interface Search {
  readonly task: OrderedTask;
  /** Running tasks that yield to it, in the order in which they should go. */
  readonly yielding: readonly RunningTask[];
  readonly nodes: FreeNodes;
  readonly closed: ClosedNodes;
}

/** The tasks that would leave one node, and the slots that would be free there. */
interface Gathered {
  readonly tasks: readonly RunningTask[];
  readonly free: number;
}

/** Running tasks in order, each with a node that it leaves, and what is gathered there with it. */
function* gather({ task, yielding, nodes, closed }: Search) {
  const gathered = new Map<number, Gathered>();
  for (const running of yielding)
    for (const { nodePk, slots } of running.places) {
      const node = nodes.find(nodePk, task, closed);
      if (!node) continue;
      const before = gathered.get(nodePk) ?? { tasks: [], free: node.free };
      const here = { tasks: [...before.tasks, running], free: before.free + slots };
      gathered.set(nodePk, here);
      yield { node, here };
    }
}

function roomOnOneNode(search: Search): readonly RunningTask[] | undefined {
  const { isExclusive, requiredSlots } = search.task;
  for (const { node, here } of gather(search)) {
    const surplus = here.free - (isExclusive ? node.slots : requiredSlots);
    if (surplus >= 0) return withoutSpared(here.tasks, node.nodePk, surplus);
  }
  return undefined;
}

/** Drops tasks that need not go because enough slots are free without them, beginning with the last. */
function withoutSpared(tasks: readonly RunningTask[], nodePk: number, surplus: number): readonly RunningTask[] {
  let left = surplus;
  return tasks.toReversed().filter(({ places }) => {
    const slots = places.find((place) => place.nodePk === nodePk)?.slots ?? 0;
    if (slots > left) return true;
    left -= slots;
    return false;
  });
}

function wholeNodes(search: Search, instances: number): readonly RunningTask[] | undefined {
  let needed = instances - search.nodes.countWhole(search.task, search.closed);
  const chosen = new Set<RunningTask>();
  for (const { node, here } of gather(search)) {
    if (here.free !== node.slots) continue;
    for (const each of here.tasks) chosen.add(each);
    needed -= 1;
    if (needed === 0) return [...chosen];
  }
  return undefined;
}
