import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Directory, isRunning, systemClock, waitUntil } from "@kyanite/runtime";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openCgroups } from "../src/cgroups.ts";
import { type Command, NeverStarted, type ProcessExecutionRecord } from "../src/executors/executor.ts";
import { processExecutor } from "../src/executors/process.ts";
import { noWalls } from "../src/walls/walls.ts";
import { executorConformance } from "./executor-conformance.ts";
import { startFormerly } from "./former-agent.ts";

const make = (directory: string) => {
  const cgroups = openCgroups(directory, systemClock);
  return processExecutor({ directory, cgroups, walls: noWalls("not needed"), clock: systemClock });
};

const conforming = (directory: string) => {
  const executor = make(directory);
  return { ...executor, adopt: ({ runId }: Command, record: ProcessExecutionRecord) => executor.adopt(runId, record) };
};

executorConformance("process", conforming, startFormerly);

let directory: string;
let taskDirectory: Directory;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kyanite-executor-"));
  taskDirectory = Directory.open(directory);
});
afterEach(async () => {
  taskDirectory.close();
  await rm(directory, { recursive: true });
});

const aCommand = (): Command => ({
  runId: randomUUID(),
  program: "/bin/true",
  args: [],
  environment: {},
  directory,
  taskDirectory,
  stdout: join(directory, "out"),
  stderr: join(directory, "err"),
  user: undefined,
  slots: 1,
  standsAlone: false,
});

test("a command that was noted and never given to its shell is told from one that has ended", async () => {
  // Its first agent has read how the last command ended.
  const record = await startFormerly(directory, aCommand(), "to its end");
  const adopted = make(directory).adopt(randomUUID(), record);
  await expect(adopted.exit).rejects.toThrow(NeverStarted);
  await adopted.release();
});

test.each([false, true])(
  "another agent knows what a command has used before, standing alone: %s",
  async (standsAlone) => {
    const burning = "const end = process.cpuUsage().user + 3e5; while (process.cpuUsage().user < end);";
    const command = { ...aCommand(), program: process.execPath, args: ["-e", burning], standsAlone };
    const adopted = make(directory).adopt(command.runId, await startFormerly(directory, command, "to its end"));
    expect(await adopted.exit).toBe(0);
    expect(adopted.use().cpu?.userSeconds).toBeGreaterThan(0.25);
    expect(adopted.use().io?.readOperations).toBeGreaterThan(0);
    await adopted.release();
  },
);

test("shells that a former agent has left take nothing from the new ones when they go", async () => {
  const commands = [aCommand(), aCommand()];
  const records: ProcessExecutionRecord[] = [];
  for (const command of commands) {
    records.push(await startFormerly(directory, command, "to its end"));
    make(directory).keepOnly(records);
  }
  const executor = make(directory);
  const adopted = commands.map(({ runId }, index) => executor.adopt(runId, records[index] as ProcessExecutionRecord));
  expect(await Promise.all(adopted.map(({ exit }) => exit))).toEqual([0, 0]);
  for (const { release } of adopted) await release();
  await nextTurn();
  const first = await executor.start(aCommand(), () => {});
  const areGone = () => records.every(({ process }) => !isRunning(process));
  expect(await waitUntil(areGone, { clock: systemClock, timeoutMilliseconds: 20_000 })).toBe(true);
  await systemClock.sleep(300);
  const others = await Promise.all(Array.from({ length: 3 }, () => executor.start(aCommand(), () => {})));
  expect(await Promise.all([first, ...others].map(({ exit }) => exit))).toEqual([0, 0, 0, 0]);
  for (const { release } of [first, ...others]) await release();
  executor.close();
});
