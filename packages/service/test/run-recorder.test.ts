import { createLog, systemClock } from "@kyanite/runtime";
import { temporaryDatabase, until } from "@kyanite/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type ReportedRun, RunRecorder } from "../src/http/agents/run-recorder.ts";
import { Served } from "../src/scheduler/served.ts";

const at = new Date("2026-01-01T00:00:00Z");
let temporary: Awaited<ReturnType<typeof temporaryDatabase>>;
let sleeping: (() => void) | undefined;
let recorded: string[][];
let recorder: RunRecorder;

beforeEach(async () => {
  temporary = await temporaryDatabase();
  recorded = [];
  sleeping = undefined;
  const sleep = (_: number, signal?: AbortSignal) =>
    new Promise<void>((wake) => {
      sleeping = wake;
      signal?.addEventListener("abort", () => wake());
    });
  recorder = new RunRecorder(
    {
      database: temporary.database,
      clock: { ...systemClock, now: () => at, sleep },
      log: createLog("error"),
      bounds: { tasksPerPool: 10, jobsPerPool: 10 },
      served: new Served(),
    },
    (runs) => recorded.push(runs.map(({ runId }) => runId)),
  );
});
afterEach(async () => {
  await recorder.close();
  await temporary[Symbol.asyncDispose]();
});

const ids = [1, 2, 3].map((number) => `00000000-0000-4000-8000-00000000000${number}`);
const aRun = (index: number, mayWait: boolean): ReportedRun => ({
  runId: ids[index] ?? "",
  nodePk: 1,
  exit: { kind: "exited", exitCode: 0 },
  startTime: at,
  endTime: at,
  mayWait,
});
const untilRecorded = () =>
  until(
    async () => recorded,
    (sets) => sets.length > 0,
  );

test("runs of nodes that have others to go on with are gathered for a while", async () => {
  recorder.add(aRun(0, true));
  recorder.add(aRun(1, true));
  expect(recorded).toEqual([]);
  sleeping?.();
  expect(await untilRecorded()).toEqual([ids.slice(0, 2)]);
});

test("a node that waits for its next task makes an end of it", async () => {
  recorder.add(aRun(0, true));
  recorder.add(aRun(1, true));
  expect(sleeping).toBeDefined();
  recorder.add(aRun(2, false));
  expect(await untilRecorded()).toEqual([ids]);
});

test("one that comes first is not held up", async () => {
  recorder.add(aRun(0, false));
  expect(await untilRecorded()).toEqual([ids.slice(0, 1)]);
  expect(sleeping).toBeUndefined();
});
