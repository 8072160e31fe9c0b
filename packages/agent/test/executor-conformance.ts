import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Directory, processesWithVariable, systemClock, waitUntil } from "@kyanite/runtime";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Command, Execution } from "../src/executors/executor.ts";

/** What the suite needs of an executor. */
export interface Conforming<Record> {
  start(command: Command, onLaunch: (record: Record) => void): Promise<Execution>;
  adopt(command: Command, record: Record): Execution;
  close(): void;
}

/**
 * What every executor must do, for commands that stand alone and others.
 * @param make called again for the same directory it makes what another agent of the same node has
 * @param startFormerly starts a command in an agent of that directory, which is killed as soon as the command has begun
 */
export function executorConformance<Record>(
  name: string,
  make: (directory: string) => Conforming<Record>,
  startFormerly: (directory: string, command: Command) => Promise<Record>,
  {
    alone = [false, true],
    dying = "kill -TERM $$",
  }: { readonly alone?: readonly boolean[]; readonly dying?: string } = {},
): void {
  describe.each(alone)(`${name} as an executor, a command that stands alone: %s`, (standsAlone) => {
    let directory: string;
    let taskDirectory: Directory;
    let executor: Conforming<Record>;
    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), "kyanite-executor-"));
      taskDirectory = Directory.open(directory);
      executor = make(directory);
    });
    afterEach(async () => {
      executor.close();
      taskDirectory.close();
      await rm(directory, { recursive: true });
    });

    const aCommand = (script: string, more: Partial<Command> = {}): Command => {
      const runId = randomUUID();
      return {
        runId,
        program: "/bin/sh",
        args: ["-c", script],
        environment: { PATH: "/usr/bin:/bin", KYANITE_RUN_ID: runId },
        directory,
        taskDirectory,
        stdout: join(directory, "stdout.txt"),
        stderr: join(directory, "stderr.txt"),
        user: undefined,
        slots: 1,
        standsAlone,
        ...more,
      };
    };
    const start = (command: Command) => executor.start(command, () => {});
    const end = async (execution: Execution) => {
      const code = await execution.exit;
      expect(await execution.kill()).toBe(true);
      await execution.release();
      return code;
    };
    const left = ({ runId }: Command) => processesWithVariable("KYANITE_RUN_ID", runId);
    const isThere = (command: Command) =>
      waitUntil(() => left(command).length > 0, { clock: systemClock, timeoutMilliseconds: 20_000 });

    test("gives the exit code, and the output goes to files", async () => {
      const execution = await start(aCommand("echo out; echo err >&2; exit 7"));
      expect(await end(execution)).toBe(7);
      expect(await readFile(join(directory, "stdout.txt"), "utf8")).toBe("out\n");
      expect(await readFile(join(directory, "stderr.txt"), "utf8")).toBe("err\n");
    });

    test("tells which signal ended it", async () => {
      const execution = await start(aCommand(dying));
      expect(await end(execution)).toBe(143);
    });

    test("stops it and all that it has started", async () => {
      const command = aCommand("sleep 600 & setsid sleep 600 & wait");
      const execution = await start(command);
      await isThere(command);
      await execution.stop(100);
      expect([137, 143]).toContain(await end(execution));
      expect(left(command)).toEqual([]);
    });

    test("kills what it has left", async () => {
      const command = aCommand("setsid sleep 600 & exit 0");
      const execution = await start(command);
      expect(await end(execution)).toBe(0);
      expect(left(command)).toEqual([]);
    });

    test("another agent takes it over while it runs, and hears how it ends", async () => {
      const command = aCommand("until [ -e go ]; do sleep 0.02; done; exit 9");
      const adopted = executor.adopt(command, await startFormerly(directory, command));
      await writeFile(join(directory, "go"), "");
      expect(await end(adopted)).toBe(9);
    });

    test("another agent hears how it has ended meanwhile", async () => {
      const command = aCommand("sleep 0.2; exit 11");
      const record = await startFormerly(directory, command);
      await waitUntil(() => left(command).length === 0, { clock: systemClock, timeoutMilliseconds: 20_000 });
      expect(await end(executor.adopt(command, record))).toBe(11);
    });

    test("another agent stops it", async () => {
      const command = aCommand("sleep 600");
      const adopted = executor.adopt(command, await startFormerly(directory, command));
      await adopted.stop(100);
      expect([137, 143]).toContain(await end(adopted));
      expect(left(command)).toEqual([]);
    });
  });
}
