import { JobScheduleState, jobScheduleActions } from "@kyanite/contract";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { afterJobMade, awaiting, type JobSchedule, jobScheduleTransitions, moveJobSchedule } from "./job-schedule.ts";

const start = new Date("2026-01-01T00:00:00Z");
const later = new Date("2026-01-01T00:05:00Z");
const states = JobScheduleState.enum;

const aSchedule = (more: Partial<JobSchedule> = {}): JobSchedule => ({
  pk: 1,
  accountPk: 1,
  id: "s",
  etag: "0x8",
  lastModified: start,
  creationTime: start,
  state: "active",
  stateTransitionTime: start,
  previousState: null,
  previousStateTransitionTime: null,
  firstOccurrence: start,
  lastOccurrence: null,
  wakeTime: start,
  jobCount: 0,
  endTime: null,
  isForced: false,
  spec: { id: "s", schedule: { recurrenceInterval: "PT10M" }, jobSpecification: { poolInfo: { poolId: "p" } } },
  ...more,
});

describe("the states of a job schedule", () => {
  test.each(states)("%s: whatever clients may ask leads somewhere, and nothing else does", (state) => {
    const moves: readonly string[] = Object.keys(jobScheduleTransitions[state]);
    expect(moves.includes("disable")).toBe(jobScheduleActions.disable[state] === "allowed");
    expect(moves.includes("enable")).toBe(jobScheduleActions.enable[state] === "allowed");
    expect(moves.includes("terminate")).toBe(jobScheduleActions.terminateByForce[state] === "allowed");
    expect(moves.includes("delete")).toBe(jobScheduleActions.deleteByForce[state] === "allowed");
  });

  test("terminating is no previous state; completion says when it was", () => {
    const terminating = moveJobSchedule(aSchedule(), "terminate", later);
    expect(terminating).toMatchObject({ state: "terminating", previousState: "active", wakeTime: later });
    expect(terminating && moveJobSchedule(terminating, "complete", later)).toMatchObject({
      state: "completed",
      previousState: "active",
      previousStateTransitionTime: start,
      endTime: later,
      wakeTime: null,
    });
  });

  test("the same state again is no transition", () => {
    const again = moveJobSchedule(aSchedule(), "enable", later);
    expect(again).toMatchObject({ state: "active", stateTransitionTime: start, previousState: null });
  });
});

test("a schedule is looked at when its next occurrence comes, and not while disabled or completed", () => {
  expect(afterJobMade(aSchedule(), start, later)).toMatchObject({
    jobCount: 1,
    lastOccurrence: start,
    wakeTime: new Date("2026-01-01T00:10:00Z"),
  });
  expect(awaiting(aSchedule({ state: "disabled" }), later).wakeTime).toBeNull();
  expect(awaiting(aSchedule({ state: "deleting" }), later).wakeTime).toEqual(later);
});

test("no sequence of events leaves the table, revives what has ended, or ends it twice", () => {
  const events = fc.array(fc.constantFrom("disable", "enable", "terminate", "complete", "delete"));
  fc.assert(
    fc.property(events, (given) => {
      let schedule = aSchedule();
      for (const event of given) {
        const next = moveJobSchedule(schedule, event, later);
        if (!next) continue;
        expect(states).toContain(next.state);
        if (schedule.state === "completed" || schedule.state === "deleting") expect(next.state).toBe("deleting");
        expect(next.previousState).not.toBe("terminating");
        expect(next.endTime === null).toBe(schedule.endTime === null && next.state !== "completed");
        schedule = next;
      }
    }),
  );
});
