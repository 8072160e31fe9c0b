import { mkdtemp, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  type BackgroundProcess,
  isRunning,
  listenForShutdown,
  processCommandLine,
  processRecord,
  readRunningProcess,
  startBackgroundProcess,
  stopProcessGroup,
  systemClock,
} from "../src/index.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kyanite-test-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const grace = { clock: systemClock, graceMilliseconds: 5_000 };

function aProgram(source: string): BackgroundProcess {
  return {
    command: process.execPath,
    args: ["-e", source],
    env: { GREETING: "hello" },
    directory,
    logFile: join(directory, "log"),
    recordFile: join(directory, "record.json"),
  };
}

const log = () => readFile(join(directory, "log"), "utf8");

describe("a background process", () => {
  test("gets the environment it is given and no other, and its output is kept", async () => {
    const program = aProgram("console.log(process.env.GREETING, process.env.HOME); console.error('oops')");
    const record = await startBackgroundProcess(program);
    await vi.waitUntil(() => !isRunning(record), { interval: 5 });
    expect(await log()).toBe("hello undefined\noops\n");
  });

  test("can be found again by its record, until it ends", async () => {
    const record = await startBackgroundProcess(aProgram("setInterval(() => {}, 1000)"));
    const file = join(directory, "record.json");
    expect(await readRunningProcess(file)).toEqual(record);
    expect(processCommandLine(record.pid)).toContain("setInterval");
    expect(await stopProcessGroup(record, grace)).toBe("ended");
    expect(await readRunningProcess(file)).toBeUndefined();
  });

  test("leads a group, whose members end with it", async () => {
    const child = "require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])";
    const program = aProgram(`process.on('SIGTERM', () => {}); console.log(${child}.pid); setInterval(() => {}, 1000)`);
    const record = await startBackgroundProcess(program);
    await vi.waitUntil(async () => /\d+\n/.test(await log()), { interval: 5 });
    const childPid = Number(await log());
    expect(await stopProcessGroup(record, { ...grace, graceMilliseconds: 50 })).toBe("killed");
    expect(processRecord(childPid)).toBeUndefined();
  });

  test("that cannot be executed is an error", async () => {
    const program = { ...aProgram(""), command: join(directory, "missing") };
    await expect(startBackgroundProcess(program)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("puts a log aside that has become big", async () => {
    await writeFile(join(directory, "log"), "");
    await truncate(join(directory, "log"), 10_000_001);
    const record = await startBackgroundProcess(aProgram(""));
    await vi.waitUntil(() => !isRunning(record), { interval: 5 });
    expect((await stat(join(directory, "log.1"))).size).toBe(10_000_001);
    expect(await log()).toBe("");
  });
});

test("a record with another start is a stranger's", () => {
  const own = processRecord(process.pid);
  expect(own && isRunning(own)).toBe(true);
  expect(isRunning({ pid: process.pid, startedAt: "another time" })).toBe(false);
});

test("the first signal asks to stop, the second ends at once", () => {
  const exits: number[] = [];
  using shutdown = listenForShutdown((code) => exits.push(code));
  expect(shutdown.signal.aborted).toBe(false);
  process.emit("SIGTERM");
  expect(shutdown.signal.reason).toBe("SIGTERM");
  expect(exits).toEqual([]);
  process.emit("SIGINT");
  expect(exits).toEqual([130]);
});
