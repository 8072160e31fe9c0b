import type { OrderedContainer, RunExit, RunOrder } from "@kyanite/contract";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { heldRunIds, type NodeAction, type NodeEvent, type NodeState, newNode, nextStep } from "./node.ts";

const now = new Date("2026-01-02T03:04:05.678Z");
const exited: RunExit = { kind: "exited", exitCode: 0 };

const aRun = (runId: string, directory = `workitems/j/job-1/${runId}`): RunOrder => ({
  runId,
  kind: "task",
  directory,
  keepsDirectory: false,
  commandLine: "true",
  environment: {},
  user: { kind: "auto", scope: "pool", elevationLevel: "nonadmin" },
  packages: [],
  downloads: [],
  uploads: [],
});

const run = (runId: string, slots?: number): NodeEvent => ({
  type: "order",
  order: { type: "run", order: { ...aRun(runId), ...(slots === undefined ? {} : { slots }) } },
  now,
});
const inContainer: OrderedContainer = {
  imageName: "busybox",
  runOptions: "",
  workingDirectory: "taskWorkingDirectory",
  registries: [],
};
const contained = (runId: string): NodeEvent => ({
  type: "order",
  order: { type: "run", order: { ...aRun(runId), slots: 1, container: inContainer } },
  now,
});
const welcome = (slots: number): NodeEvent => ({
  type: "order",
  order: { type: "welcome", slots, heartbeatSeconds: 1, sampleSeconds: 1 },
  now,
});
const waited = (milliseconds: number): NodeEvent => ({
  type: "waited",
  now: new Date(now.getTime() + milliseconds),
});
const cancel = (runId: string): NodeEvent => ({ type: "order", order: { type: "cancel", runId }, now });
const ended = (runId: string): NodeEvent => ({ type: "ended", runId, exit: exited, now });
const acknowledge = (...runIds: string[]): NodeEvent => ({
  type: "order",
  order: { type: "acknowledge", runIds },
  now,
});
const restartId = "0b6f4c1e-5d0f-4f0e-9a53-2b4f1a3c8d70";
const restart: NodeEvent = { type: "order", order: { type: "restart", restartId, erase: false }, now };
const remove = (directory: string): NodeEvent => ({
  type: "order",
  order: { type: "removeDirectory", directory },
  now,
});

function follow(...events: readonly NodeEvent[]): { state: NodeState; actions: readonly NodeAction[] } {
  let state = newNode();
  let actions: readonly NodeAction[] = [];
  for (const event of events) ({ state, actions } = nextStep(state, event));
  return { state, actions };
}

test("a run is started and reported", () => {
  expect(follow(run("a")).actions).toMatchObject([
    { type: "start", order: { runId: "a" } },
    { type: "report", report: { type: "started", runId: "a" } },
  ]);
});

test("a finished run is reported again after each reconnect until it is acknowledged", () => {
  const report = { type: "finished", runId: "a", exit: exited };
  expect(follow(run("a"), ended("a")).actions).toMatchObject([{ type: "finish", report }]);
  expect(follow(run("a"), ended("a"), { type: "linked" }).actions).toMatchObject([{ type: "report", report }]);
  expect(follow(run("a"), ended("a"), acknowledge("a")).actions).toEqual([{ type: "forget", runId: "a" }]);
  expect(follow(run("a"), ended("a"), acknowledge("a"), { type: "linked" }).actions).toEqual([]);
});

test("an unknown run that is cancelled is answered, and never runs afterwards", () => {
  const { state, actions } = follow(cancel("a"));
  expect(actions).toMatchObject([{ type: "finish", report: { exit: { kind: "ended", reason: "cancelled" } } }]);
  expect(nextStep(state, run("a")).actions).toEqual([]);
});

test("a restart stops all runs and keeps only what had finished", () => {
  const { state, actions } = follow(run("a"), run("b"), ended("a"), restart);
  expect(actions).toEqual([
    { type: "stop", runId: "b" },
    { type: "restart", restartId, erase: false, after: ["b"] },
  ]);
  expect(heldRunIds(state)).toEqual(["a"]);
  expect(nextStep(state, ended("b")).actions).toEqual([{ type: "forget", runId: "b" }]);
});

test("removing a directory first ends the runs in it", () => {
  const { actions } = follow(run("a"), run("ab"), remove("workitems/j/job-1/a"));
  expect(actions).toEqual([
    { type: "stop", runId: "a" },
    { type: "removeDirectory", directory: "workitems/j/job-1/a", after: ["a"] },
  ]);
});

describe("a run for which there are no slots", () => {
  const begins = (runId: string) => [
    { type: "start", order: { runId } },
    { type: "report", report: { type: "started", runId } },
  ];

  test("begins when another ends, in the order in which runs came", () => {
    const full = [welcome(2), run("a", 2), run("b", 2), run("c", 1)];
    expect(follow(...full).actions).toEqual([{ type: "wait" }]);
    expect(follow(...full, ended("a")).actions).toMatchObject([
      { type: "finish", report: { runId: "a" } },
      ...begins("b"),
      { type: "wait" },
    ]);
  });

  test("begins before others that came first, when its priority is higher", () => {
    const order = { ...aRun("c"), slots: 1, priority: 1 };
    const urgent: NodeEvent = { type: "order", order: { type: "run", order }, now };
    expect(follow(welcome(1), run("a", 1), run("b", 1), urgent, ended("a")).actions).toMatchObject([
      { type: "finish", report: { runId: "a" } },
      ...begins("c"),
      { type: "wait" },
    ]);
  });

  test("begins when nothing is left of another that was cancelled, and not before", () => {
    const { state, actions } = follow(welcome(1), run("a", 1), run("b", 1), cancel("a"));
    expect(actions).toEqual([{ type: "stop", runId: "a" }, { type: "wait" }]);
    expect(nextStep(state, ended("a")).actions).toMatchObject([
      { type: "finish", report: { runId: "a" } },
      ...begins("b"),
    ]);
  });

  test("tells of its container while it runs, again after a reconnection, and at its end", () => {
    const container = { containerId: "c", state: "running" } as const;
    const { state, actions } = follow(welcome(1), run("a", 1), { type: "contained", runId: "a", container });
    const report = { type: "report", report: { type: "contained", runId: "a", container } };
    expect(actions).toEqual([report]);
    expect(nextStep(state, { type: "linked" }).actions).toMatchObject([{ report: { type: "started" } }, report]);
    const exited = { ...container, state: "exited" } as const;
    const after = nextStep(state, { type: "contained", runId: "a", container: exited });
    expect(after.actions).toEqual([]);
    expect(nextStep(after.state, ended("a")).actions).toMatchObject([{ report: { runId: "a", container: exited } }]);
  });

  test("holds up none that takes no slots", () => {
    expect(follow(welcome(1), run("a", 1), run("b", 1), run("c")).actions).toMatchObject([
      ...begins("c"),
      { type: "wait" },
    ]);
  });

  test("is held, so that it is not ordered again, and has nothing to report", () => {
    const { state } = follow(welcome(1), run("a", 1), run("b", 1));
    expect(heldRunIds(state)).toEqual(["a", "b"]);
    expect(nextStep(state, run("b", 1)).actions).toEqual([{ type: "wait" }]);
    expect(nextStep(state, { type: "linked" }).actions).toMatchObject([{ report: { runId: "a" } }]);
  });

  test("is given back after a quarter of a second, and not earlier", () => {
    const { state } = follow(welcome(1), run("a", 1), run("b", 1));
    expect(nextStep(state, waited(249)).actions).toEqual([{ type: "wait" }]);
    const { state: after, actions } = nextStep(state, waited(250));
    expect(actions).toMatchObject([{ type: "finish", report: { runId: "b", exit: { kind: "returned" } } }]);
    expect(nextStep(after, ended("a")).actions).toMatchObject([{ type: "finish", report: { runId: "a" } }]);
  });

  test("is given back after two seconds when it is to run in a container", () => {
    const { state } = follow(welcome(1), run("a", 1), contained("b"));
    expect(nextStep(state, waited(1_999)).actions).toEqual([{ type: "wait" }]);
    expect(nextStep(state, waited(2_000)).actions).toMatchObject([
      { report: { runId: "b", exit: { kind: "returned" } } },
    ]);
  });

  test("is given back when the clock was set back, since nobody can tell how long it has waited", () => {
    const { state } = follow(welcome(1), run("a", 1), run("b", 1));
    expect(nextStep(state, waited(-1)).actions).toMatchObject([{ type: "finish", report: { runId: "b" } }]);
  });

  test("ends when it is cancelled or its directory is removed, without having begun", () => {
    const report = { type: "finish", report: { runId: "b", exit: { kind: "ended", reason: "cancelled" } } };
    const directory = "workitems/j/job-1/b";
    expect(follow(welcome(1), run("a", 1), run("b", 1), cancel("b")).actions).toMatchObject([report]);
    expect(follow(welcome(1), run("a", 1), run("b", 1), remove(directory)).actions).toMatchObject([
      report,
      { type: "removeDirectory", directory, after: [] },
    ]);
  });

  test("is forgotten by a restart", () => {
    const { state, actions } = follow(welcome(1), run("a", 1), run("b", 1), restart);
    expect(actions).toMatchObject([
      { type: "stop", runId: "a" },
      { type: "restart", after: ["a"] },
    ]);
    expect(heldRunIds(state)).toEqual([]);
    expect(nextStep(state, ended("a")).actions).toEqual([{ type: "forget", runId: "a" }]);
  });
});

/** A shell as the agent's, but its runs end when the sequence says so, or when they are stopped. */
function simulate(events: readonly NodeEvent[]) {
  const started: string[] = [];
  const finished: string[] = [];
  const dropped = new Set<string>();
  const alive = new Set<string>();
  let mostSlots = 0;
  let state = newNode();
  const apply = (event: NodeEvent): void => {
    if (event.type === "ended" && !alive.delete(event.runId)) return;
    const step = nextStep(state, event);
    state = step.state;
    for (const action of step.actions) {
      if (action.type === "start") {
        started.push(action.order.runId);
        alive.add(action.order.runId);
      }
      if (action.type === "restart") for (const runId of action.after) dropped.add(runId);
      if (action.type === "finish") finished.push(action.report.runId);
    }
    const { runs } = state;
    const taken = runs.reduce((sum, held) => sum + (held.phase === "running" ? held.slots : 0), 0);
    mostSlots = Math.max(mostSlots, taken);
  };
  for (const event of events) apply(event);
  while (alive.size > 0) for (const runId of [...alive]) apply(ended(runId));
  return { state, started, finished, dropped, mostSlots };
}

const runId = fc.constantFrom("a", "b", "c", "d", "e");
const event: fc.Arbitrary<NodeEvent> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(runId, fc.constantFrom(undefined, 1, 1, 2)).map((given) => run(...given)) },
  fc.constantFrom(0, 250).map(waited),
  { weight: 3, arbitrary: runId.map(ended) },
  runId.map(cancel),
  runId.map((id) => acknowledge(id)),
  runId.map((id) => remove(`workitems/j/job-1/${id}`)),
  fc.constant(restart),
  fc.constant<NodeEvent>({ type: "linked" }),
);

test("no run is executed twice, each that is not dropped finishes once, and no slot is given twice", () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const { started, finished, dropped, mostSlots } = simulate([welcome(2), ...events]);
      expect(mostSlots).toBeLessThanOrEqual(2);
      expect(new Set(started).size).toBe(started.length);
      for (const id of started) {
        const ends = finished.filter((each) => each === id).length;
        expect(
          dropped.has(id)
            ? ends <= 1 || events.some((each) => each.type === "order" && each.order.type === "cancel")
            : ends >= 1,
        ).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});

test("whatever is held and finished is reported after a reconnect, and forgotten when acknowledged", () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const { state } = simulate(events);
      const held = heldRunIds(state);
      const { actions } = nextStep(state, { type: "linked" });
      expect(
        actions.map((action) => (action.type === "report" && "runId" in action.report ? action.report.runId : "")),
      ).toEqual(held);
      expect(heldRunIds(nextStep(state, acknowledge(...held)).state)).toEqual([]);
    }),
  );
});

test("a run waits for those that are still ending in its directory", () => {
  const second: NodeEvent = { type: "order", order: { type: "run", order: aRun("b", "workitems/j/job-1/a") }, now };
  expect(follow(run("a"), cancel("a"), second).actions[0]).toMatchObject({ type: "start", after: ["a"] });
  expect(follow(run("a"), cancel("a"), ended("a"), second).actions[0]).toMatchObject({ type: "start", after: [] });
});

test("an instance that is coordinated says so again after each reconnect, until it ends", () => {
  const report = { type: "report", report: { type: "coordinated", runId: "a" } };
  const coordinated: NodeEvent = { type: "coordinated", runId: "a" };
  expect(follow(run("a"), coordinated).actions).toEqual([report]);
  expect(follow(run("a"), coordinated, { type: "linked" }).actions).toContainEqual(report);
  expect(follow(run("a"), coordinated, ended("a"), { type: "linked" }).actions).not.toContainEqual(report);
  expect(follow(run("a"), cancel("a"), coordinated).actions).toEqual([]);
});
