import { systemClock } from "@kyanite/runtime";
import { expect, test } from "vitest";
import { type LateReport, openLateReports } from "./late-reports.ts";

/** A clock that moves when the test says so. */
function heldClock() {
  let sleeps: { readonly until: number; wake(): void }[] = [];
  let elapsed = 0;
  return {
    clock: {
      ...systemClock,
      elapsed: () => elapsed,
      sleep: (milliseconds: number) =>
        new Promise<void>((wake) => sleeps.push({ until: elapsed + milliseconds, wake })),
    },
    async pass(milliseconds: number): Promise<void> {
      elapsed += milliseconds;
      const over = sleeps.filter(({ until }) => until <= elapsed);
      sleeps = sleeps.filter(({ until }) => until > elapsed);
      for (const { wake } of over) wake();
      await new Promise(setImmediate);
    },
  };
}

const started = (runId: string): LateReport => ({ type: "started", runId, startTime: "2026-01-01T00:00:00Z" });

const contained = (runId: string, state: "created" | "running"): LateReport => ({
  type: "contained",
  runId,
  container: { containerId: "c", state },
});

function reportsHere() {
  const { clock, pass } = heldClock();
  const sent: LateReport[] = [];
  const reports = openLateReports((report) => sent.push(report), { clock, signal: new AbortController().signal });
  return { reports, sent, pass };
}

test("of a run that goes on the service hears once, what was said last", async () => {
  const { reports, sent, pass } = reportsHere();
  void reports.add(contained("a", "created"));
  await pass(999);
  void reports.add(contained("a", "running"));
  expect(sent).toEqual([]);
  await pass(1);
  expect(sent).toEqual([contained("a", "running")]);
});

test("of a run that has ended meanwhile nothing is reported", async () => {
  const { reports, sent, pass } = reportsHere();
  void reports.add(started("a"));
  void reports.add(contained("a", "running"));
  void reports.add(started("b"));
  reports.forget("a");
  await pass(1_000);
  expect(sent).toEqual([started("b")]);
});

test("each waits for as long, whatever waits already", async () => {
  const { reports, sent, pass } = reportsHere();
  void reports.add(started("a"));
  await pass(500);
  void reports.add(started("b"));
  await pass(500);
  expect(sent).toEqual([started("a")]);
  await pass(500);
  expect(sent).toEqual([started("a"), started("b")]);
});
