import type { TaskState } from "@kyanite/contract";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type OpenDependency, unsatisfiedDependencies } from "./open-dependency.ts";

/** Tasks that are named by their numbers: the child waits for the parent. */
const wait = (childPk: number, parentPk: number, parentState: TaskState = "active"): OpenDependency => ({
  childPk,
  taskId: `${parentPk}`,
  isInRange: false,
  parentPk,
  parentId: `${parentPk}`,
  parentState,
});
const missing = (childPk: number, taskId: string): OpenDependency => ({
  ...wait(childPk, 0),
  taskId,
  parentPk: null,
  parentId: null,
  parentState: null,
});

describe("what a task waits for", () => {
  test.each<{ what: string; open: OpenDependency[]; expected: object }>([
    { what: "runs or is queued", open: [wait(1, 2, "running")], expected: { taskId: "2", reason: "waiting" } },
    { what: "is not there", open: [missing(1, "x")], expected: { taskId: "x", reason: "missing" } },
    { what: "has failed", open: [wait(1, 2, "completed")], expected: { taskId: "2", reason: "blocked" } },
    { what: "is itself", open: [wait(1, 1)], expected: { taskId: "1", reason: "circular" } },
    {
      what: "waits for it",
      open: [wait(1, 2), wait(2, 3), wait(3, 1)],
      expected: { taskId: "2", reason: "circular", path: ["3", "1"] },
    },
    {
      what: "waits for others that wait for each other",
      open: [wait(1, 2), wait(2, 3), wait(3, 2)],
      expected: { taskId: "2", reason: "circular", path: ["3", "2"] },
    },
    {
      what: "waits for one that has failed",
      open: [wait(1, 2), wait(2, 3), wait(2, 4), wait(4, 5, "completed")],
      expected: { taskId: "2", reason: "blocked", path: ["4", "5"] },
    },
    {
      what: "waits for one that is not there",
      open: [wait(1, 2), missing(2, "x")],
      expected: { taskId: "2", reason: "missing", path: ["x"] },
    },
    {
      what: "waits for others that go on",
      open: [wait(1, 2), wait(2, 3), wait(2, 4, "running")],
      expected: { taskId: "2", reason: "waiting" },
    },
  ])("$what", ({ open, expected }) => {
    expect(unsatisfiedDependencies(1, open)).toEqual([expected]);
  });

  test("is an integer that any of several tasks may satisfy", () => {
    const four = (parentPk: number, parentState: TaskState) => ({
      ...wait(1, parentPk, parentState),
      taskId: "4",
      isInRange: true,
    });
    expect(unsatisfiedDependencies(1, [four(40, "completed"), four(41, "running")])).toEqual([
      { taskId: "4", reason: "waiting" },
    ]);
    expect(unsatisfiedDependencies(1, [four(40, "completed"), four(41, "completed")])).toEqual([
      { taskId: "4", reason: "blocked" },
    ]);
  });

  test("is named up to a hundred, dead ends first", () => {
    const open = [...Array.from({ length: 120 }, (_, n) => wait(1, n + 2)), wait(1, 500, "completed")];
    const named = unsatisfiedDependencies(1, open);
    expect(named).toHaveLength(100);
    expect(named[0]).toEqual({ taskId: "500", reason: "blocked" });
  });
});

/** Tasks 0 to 7, some of which have failed; 8 is not there. */
const graphs = fc.record({
  edges: fc.uniqueArray(fc.tuple(fc.nat(7), fc.nat(8)), { selector: String, maxLength: 20 }),
  failed: fc.uniqueArray(fc.nat(7)),
});

test("a dependency is a dead end exactly if running all that can run never satisfies it, and its path leads there", () => {
  fc.assert(
    fc.property(graphs, ({ edges, failed }) => {
      const ended = new Set(failed);
      const open = edges
        .filter(([child]) => !ended.has(child))
        .map(([child, parent]) =>
          parent === 8 ? missing(child, "8") : wait(child, parent, ended.has(parent) ? "completed" : "active"),
        );
      const satisfied = runAll(open, ended);
      for (const child of new Set(open.map(({ childPk }) => childPk)))
        for (const { taskId, reason, path } of unsatisfiedDependencies(child, open)) {
          expect(reason === "waiting").toBe(satisfied.has(Number(taskId)));
          if (reason !== "waiting")
            expectPathTo(reason, [child, Number(taskId), ...(path ?? []).map(Number)], edges, ended);
        }
    }),
    { numRuns: 2000 },
  );
});

/** Completes tasks with success one by one as long as any can run. */
function runAll(open: readonly OpenDependency[], ended: ReadonlySet<number>): ReadonlySet<number> {
  const satisfied = new Set<number>();
  for (let round = 0; round < 8; round++)
    for (let task = 0; task < 8; task++) {
      const parents = open.filter(({ childPk }) => childPk === task);
      const isFree = parents.every(({ parentPk }) => parentPk !== null && satisfied.has(parentPk));
      if (!ended.has(task) && isFree) satisfied.add(task);
    }
  return satisfied;
}

function expectPathTo(
  reason: string,
  path: readonly number[],
  edges: readonly (readonly [number, number])[],
  ended: ReadonlySet<number>,
): void {
  const last = path.at(-1) ?? -1;
  for (const [at, child] of path.slice(0, -1).entries()) expect(edges).toContainEqual([child, path[at + 1]]);
  if (reason === "blocked") expect(ended.has(last)).toBe(true);
  if (reason === "missing") expect(last).toBe(8);
  if (reason === "circular") expect(path.slice(0, -1)).toContain(last);
}
