import { expect, test } from "vitest";
import type { EventRow, ExpandedEvent } from "./event.ts";
import { type EventFilter, matches, mayMatch, parseKinds } from "./event-filter.ts";

const event: ExpandedEvent = {
  kind: "task.completed",
  resource: { type: "task", path: "/jobs/J/tasks/T", jobId: "J", taskId: "T", poolId: "P", nodeId: "n" },
  properties: {},
};

test.each<EventFilter>([
  {},
  { kinds: ["task.completed"] },
  { kinds: ["pool.*", "TASK.*"] },
  { kinds: ["*"] },
  { jobId: "j", taskId: "t", poolId: "p", nodeId: "N" },
])("an event is wanted by %j", (filter) => {
  expect(matches(filter, event)).toBe(true);
});

test.each<EventFilter>([
  { kinds: ["task"] },
  { kinds: ["task.complete"] },
  { kinds: ["TaskCompleteEvent"] },
  { jobId: "other" },
  { jobId: "J", taskId: "other" },
  { jobScheduleId: "s" },
])("an event is not wanted by %j", (filter) => {
  expect(matches(filter, event)).toBe(false);
});

test("a row of another job, or from before the time that is asked for, is not looked into", () => {
  const row: EventRow = {
    position: 1,
    time: new Date("2026-01-01T00:00:00Z"),
    accountPk: 1,
    kind: "task",
    change: "changed",
    size: 0,
    about: { jobId: "J", poolId: "P" },
    changes: [],
  };
  expect(mayMatch({ jobId: "j" }, row)).toBe(true);
  expect(mayMatch({ jobId: "other" }, row)).toBe(false);
  expect(mayMatch({ from: new Date("2026-01-01T00:00:00Z") }, row)).toBe(true);
  expect(mayMatch({ from: new Date("2026-01-01T00:00:01Z") }, row)).toBe(false);
});

test("a list of kinds has names and patterns, and nothing else", () => {
  expect(parseKinds("task.*, PoolCreateEvent")).toEqual(["task.*", "PoolCreateEvent"]);
  for (const list of ["", "task.*,", "*.completed", "a b", "task.**"]) expect(parseKinds(list)).toBeUndefined();
});
