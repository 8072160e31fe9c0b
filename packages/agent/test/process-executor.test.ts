import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Directory, systemClock } from "@kyanite/runtime";
import { expect, test } from "vitest";
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

test("a command that was noted and never given to its shell is told from one that has ended", async () => {
  const directory = await mkdtemp(join(tmpdir(), "kyanite-executor-"));
  using taskDirectory = Directory.open(directory);
  const files = { stdout: join(directory, "out"), stderr: join(directory, "err") };
  const runId = randomUUID();
  const program = { program: "/bin/true", args: [], environment: {}, user: undefined, slots: 1, standsAlone: false };
  // Its first agent has read how the last command ended.
  const record = await startFormerly(
    directory,
    { runId, directory, taskDirectory, ...files, ...program },
    "to its end",
  );
  const adopted = make(directory).adopt(randomUUID(), record);
  await expect(adopted.exit).rejects.toThrow(NeverStarted);
  await adopted.release();
  await rm(directory, { recursive: true });
});
