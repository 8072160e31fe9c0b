import { type Clock, systemClock } from "@kyanite/runtime";
import { expect, test } from "vitest";
import { openEndReports } from "./end-reports.ts";
import type { FinishedReport } from "./journal.ts";

const time = "2026-01-02T03:04:05.678Z";
const anEnd = (runId: string): FinishedReport => ({
  type: "finished",
  runId,
  startTime: time,
  endTime: time,
  exit: { kind: "exited", exitCode: 0 },
});

/** Reports on a clock whose sleepers wake when the test says so. */
function someReports() {
  const sent: string[] = [];
  let wake = () => {};
  const clock: Clock = { ...systemClock, sleep: () => new Promise((resolve) => (wake = resolve)) };
  const reports = openEndReports(({ runId, isBusy = false }) => sent.push(isBusy ? `${runId}, busy` : runId), {
    clock,
    signal: new AbortController().signal,
  });
  return { sent, reports, wake: () => wake() };
}

test("ends are gathered while the node has other runs to go on with", async () => {
  const { sent, reports, wake } = someReports();
  void reports.add(anEnd("a"), true);
  const all = reports.add(anEnd("b"), true);
  expect(sent).toEqual([]);
  wake();
  await all;
  expect(sent).toEqual(["a, busy", "b, busy"]);
});

test("an end that leaves a slot idle is reported at once, and takes along those that were gathered", async () => {
  const { sent, reports, wake } = someReports();
  const gathered = reports.add(anEnd("a"), true);
  void reports.add(anEnd("b"), false);
  expect(sent).toEqual(["a, busy", "b"]);
  wake();
  await gathered;
  expect(sent).toHaveLength(2);
});
