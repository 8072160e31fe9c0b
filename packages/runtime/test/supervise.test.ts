import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  type Clock,
  isRunning,
  type Log,
  type Restartable,
  startBackgroundProcess,
  stopProcessGroup,
  supervise,
  systemClock,
  waitUntil,
} from "../src/index.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kyanite-test-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** A process that does what a shell is told, and how often it was started. */
async function aPart(command: string) {
  const launch = { command: "/bin/sh", args: ["-c", command], env: {}, directory, logFile: join(directory, "log") };
  let process = await startBackgroundProcess(launch);
  const part: Restartable = {
    get process() {
      return process;
    },
    restart: async () => {
      process = await startBackgroundProcess(launch);
    },
    stop: async () => {
      await stopProcessGroup(process, { clock: systemClock, graceMilliseconds: 5_000 });
    },
  };
  return part;
}

/** A log that only keeps what it is told. */
function keepingLog() {
  const lines: string[] = [];
  const keep = (level: string) => (message: string) => void lines.push(`${level}: ${message}`);
  const log: Log = { debug: keep("debug"), info: keep("info"), warn: keep("warn"), error: keep("error") };
  return { lines, log };
}

const soon = (isMet: () => boolean) => waitUntil(isMet, { clock: systemClock, timeoutMilliseconds: 10_000 });

test("a process that is killed is started again, until the supervision ends", async () => {
  const part = await aPart("exec sleep 1000");
  const { lines, log } = keepingLog();
  const supervision = supervise(part, { name: "it", clock: systemClock, log });
  const first = part.process;
  process.kill(first.pid, "SIGKILL");
  expect(await soon(() => !isRunning(first))).toBe(true);
  expect(await soon(() => supervision.isUp())).toBe(true);
  expect(part.process.pid).not.toBe(first.pid);
  await supervision.stop();
  expect(isRunning(part.process)).toBe(false);
  expect(lines).toEqual(["warn: it ended; it is started again", "info: it is back"]);
});

test("one that ends at once is started ever more seldom, which is logged once, and its recovery too", async () => {
  const ended = { pid: process.pid, startedAt: "long ago" };
  const { lines, log } = keepingLog();
  const pauses: number[] = [];
  let now = 0;
  const clock: Clock = {
    now: () => new Date(now),
    elapsed: () => now,
    sleep: async (milliseconds) => {
      if (milliseconds !== 200) pauses.push(milliseconds);
      now += milliseconds;
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
  const recovered = await aPart("exec sleep 1000");
  let starts = 0;
  const supervision = supervise(
    {
      get process() {
        return starts < 10 ? ended : recovered.process;
      },
      restart: async () => {
        starts += 1;
        if (starts === 4) throw new Error("no");
      },
      stop: recovered.stop,
    },
    { name: "it", clock, log },
  );
  expect(await soon(() => lines.length === 4)).toBe(true);
  await supervision.stop();
  expect(pauses).toEqual([0, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  expect(lines).toEqual([
    "warn: it ended; it is started again",
    "info: it is back",
    "warn: it ends again and again",
    "info: it is back",
  ]);
});
