import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { aheadOf, planAhead } from "./ahead.ts";
import { plan } from "./plan.ts";
import { Served } from "./served.ts";
import type { JobSnapshot, Placement, PoolSnapshot, Snapshot } from "./snapshot.ts";

/** A job that never runs out of tasks. */
interface BusyJob {
  readonly jobPk: number;
  /** What each of its tasks takes. */
  readonly seconds: number;
  readonly requiredSlots?: number;
  /** When its tasks are added, in seconds. */
  readonly from?: number;
}

interface SimulatedRun {
  readonly job: BusyJob;
  readonly nodePk: number;
  readonly slots: number;
  begun?: number;
}

interface World {
  readonly nodes: number;
  readonly slots: number;
  readonly jobs: readonly BusyJob[];
  readonly seconds: number;
  readonly jobOrder?: PoolSnapshot["jobOrder"];
}

/** Slot-seconds that each job has had by the time of each end of a run. */
type History = readonly {
  readonly at: number;
  readonly jobPk: number;
  readonly begun: number;
  readonly slots: number;
}[];

const waitingTasks = 40;
const jobsLookedAt = 50;

/**
 * Runs the plans of the loop and of ended runs for a while, as the service and its agents do: each end frees slots that
 * are filled in the same step, and runs that were given ahead of time begin by the order in which they came.
 */
function simulate({ nodes, slots, jobs, seconds, jobOrder = "none" }: World): History {
  const served = new Served();
  const runs: SimulatedRun[] = [];
  const history: { at: number; jobPk: number; begun: number; slots: number }[] = [];
  let taskPk = 0;
  let now = 0;
  const held = (jobPk: number) =>
    runs.filter(({ job }) => job.jobPk === jobPk).reduce((sum, run) => sum + run.slots, 0);
  const used = (nodePk: number) => runs.filter((run) => run.nodePk === nodePk).reduce((sum, run) => sum + run.slots, 0);
  const snapshot = (nodePks: readonly number[]): Snapshot => {
    const had = served.ofPool(1);
    const isOpen = ({ from = 0 }: BusyJob) => from <= now;
    const order = (one: BusyJob, other: BusyJob) =>
      jobOrder === "none" ? (had.get(one.jobPk) ?? -1) - (had.get(other.jobPk) ?? -1) : one.jobPk - other.jobPk;
    const looked = jobs.filter(isOpen).toSorted(order).slice(0, jobsLookedAt);
    const shown = looked
      .toSorted((one, other) => one.jobPk - other.jobPk)
      .map(({ jobPk, requiredSlots = 1 }): JobSnapshot => {
        const tasks = Array.from({ length: waitingTasks }, () => ({ taskPk: ++taskPk, requiredSlots }));
        return { jobPk, priority: 0, heldSlots: held(jobPk), hasMore: true, tasks };
      });
    const shownNodes = nodePks.map((nodePk) => ({
      nodePk,
      nodeId: `n${nodePk}`,
      slots,
      freeSlots: slots - used(nodePk),
    }));
    const pool = { poolPk: 1, fillType: "spread", jobOrder, nodes: shownNodes, jobs: shown } as const;
    return served.addTo({ pools: [pool] }, new Date(now * 1000));
  };
  const place = (placements: readonly Placement[]) => {
    for (const { jobPk, nodePk, requiredSlots } of placements) {
      const job = jobs.find((each) => each.jobPk === jobPk);
      if (job) runs.push({ job, nodePk, slots: requiredSlots });
    }
    begin();
  };
  const begin = () => {
    const free = new Map<number, number>();
    for (const run of runs) {
      const left = free.get(run.nodePk) ?? slots - begunSlots(run.nodePk);
      if (run.begun === undefined && left >= run.slots) run.begun = now;
      free.set(run.nodePk, run.begun === undefined || run.begun < now ? left : slots - begunSlots(run.nodePk));
    }
  };
  const begunSlots = (nodePk: number) =>
    runs.reduce((sum, run) => sum + (run.nodePk === nodePk && run.begun !== undefined ? run.slots : 0), 0);

  place(plan(snapshot(Array.from({ length: nodes }, (_, index) => index + 1))));
  while (now < seconds) {
    const endOf = ({ begun, job }: SimulatedRun) =>
      begun === undefined ? Number.POSITIVE_INFINITY : begun + job.seconds;
    const next = runs.reduce((first, run) => (endOf(run) < endOf(first) ? run : first));
    now = endOf(next);
    runs.splice(runs.indexOf(next), 1);
    const { job, nodePk } = next;
    history.push({ at: now, jobPk: job.jobPk, begun: next.begun ?? now, slots: next.slots });
    const ended = [{ jobPk: job.jobPk, nodePk, slots: next.slots, seconds: job.seconds }];
    served.note(ended);
    begin();
    const looked = snapshot([nodePk]);
    const placed = plan(looked);
    const refill = [...placed, ...planAhead(looked, placed, aheadOf(ended))];
    served.noteAhead(refill, new Date(now * 1000));
    place(refill);
  }
  return history;
}

/** What each job has had of the slots between two times. */
function shares(history: History, jobs: readonly BusyJob[], from: number, to: number): number[] {
  const had = new Map(jobs.map(({ jobPk }) => [jobPk, 0]));
  for (const { at, jobPk, begun, slots } of history) {
    const seconds = Math.max(0, Math.min(at, to) - Math.max(begun, from));
    had.set(jobPk, (had.get(jobPk) ?? 0) + slots * seconds);
  }
  return [...had.values()];
}

const manyJobs = (count: number, seconds = 0.1): BusyJob[] =>
  Array.from({ length: count }, (_, index) => ({ jobPk: index + 1, seconds }));

/** Whether no job has had less than another by more than some of its tasks. */
function expectEven(had: readonly number[], tolerance: number): void {
  expect(Math.max(...had) - Math.min(...had)).toBeLessThanOrEqual(tolerance + 1e-9);
}

describe("jobs of equal priority", () => {
  test("share one slot: of 40 runs each of two jobs has 20", () => {
    const jobs = manyJobs(2, 1);
    const ends = simulate({ nodes: 1, slots: 1, jobs, seconds: 40 });
    const of = (jobPk: number) => ends.filter((end) => end.jobPk === jobPk).length;
    expect(Math.abs(of(1) - of(2))).toBeLessThanOrEqual(1);
  });

  test("share fewer slots than there are jobs: five have four nodes in turn", () => {
    const jobs = manyJobs(5, 1);
    expectEven(shares(simulate({ nodes: 4, slots: 1, jobs, seconds: 50 }), jobs, 0, 50), 2);
  });

  test("all come to their turn when they are 500", () => {
    const jobs = manyJobs(500, 0.2);
    expectEven(shares(simulate({ nodes: 5, slots: 4, jobs, seconds: 20 }), jobs, 0, 20), 0.4);
  });

  test("share time and not tasks: a job of tasks that take ten times as long gets no more", () => {
    const jobs = [
      { jobPk: 1, seconds: 0.1 },
      { jobPk: 2, seconds: 1 },
    ];
    expectEven(shares(simulate({ nodes: 1, slots: 1, jobs, seconds: 40 }), jobs, 20, 40), 1.2);
  });

  test("that comes late has as much as the others from then on, and no more", () => {
    const jobs = [...manyJobs(2), { jobPk: 3, seconds: 0.1, from: 10 }];
    const history = simulate({ nodes: 1, slots: 2, jobs, seconds: 20 });
    for (const from of [10.3, 12, 15]) expectEven(shares(history, jobs, from, from + 3), 0.4);
  });

  test("are served one after the other where the pool wants the older one first", () => {
    const jobs = manyJobs(2);
    const history = simulate({ nodes: 1, slots: 2, jobs, seconds: 5, jobOrder: "creationtime" });
    expect(new Set(history.map(({ jobPk }) => jobPk))).toEqual(new Set([1]));
  });

  /** What the tasks of each job take, nodes, and slots of each. */
  const someWorld = [
    fc.array(fc.constantFrom(0.005, 0.02, 0.04, 0.1, 0.3), { minLength: 2, maxLength: 8 }),
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 1, max: 4 }),
  ] as const;

  /** Whether jobs share evenly over the last two seconds, when all but the first come at a time. */
  function expectEvenAtLast(durations: readonly number[], nodes: number, slots: number, others: number): void {
    const jobs = durations.map((seconds, index) => ({ jobPk: index + 1, seconds, from: index === 0 ? 0 : others }));
    const seconds = others + 4;
    const history = simulate({ nodes, slots, jobs, seconds });
    const fair = (2 * nodes * slots) / jobs.length;
    expectEven(shares(history, jobs, seconds - 2, seconds), 4 * Math.max(...durations) + 0.2 * fair);
  }

  /** Fewer worlds on a machine that is busy: each of them is a simulation of some seconds. */
  const someRuns = { numRuns: 10, interruptAfterTimeLimit: 8_000 } as const;

  test("share slots evenly over two seconds, whatever their tasks take and however many there are of both", () => {
    fc.assert(
      fc.property(...someWorld, (durations, nodes, slots) => expectEvenAtLast(durations, nodes, slots, 0)),
      { ...someRuns, examples: [[[0.3, 0.1, 0.1, 0.04, 0.005], 3, 4]] },
    );
  });

  test("have their shares two seconds after others came, whatever their tasks take", () => {
    fc.assert(
      fc.property(...someWorld, (durations, nodes, slots) => expectEvenAtLast(durations, nodes, slots, 1)),
      { ...someRuns, examples: [[[0.3, 0.005, 0.005], 3, 4]] },
    );
  });
});
