import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { until } from "@kyanite/testkit";
import { expect, test } from "vitest";

const program = fileURLToPath(new URL("../dist/main.js", import.meta.url));

const processesOf = (directory: string) =>
  execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes(directory));

test.each(["latency", "ingest"])(
  "Ctrl-C amid the scenario %s leaves no process and no file",
  async (scenario) => {
    const directory = await mkdtemp(join(tmpdir(), "kyanite-test-"));
    await chmod(directory, 0o711);
    // In a terminal the whole group is interrupted.
    const bench = spawn(process.execPath, [program, scenario], {
      detached: true,
      stdio: "ignore",
      env: { ...process.env, TMPDIR: directory },
    });
    const exit = once(bench, "exit");
    try {
      await until(
        async () => processesOf(directory),
        (found) => found.length > 0,
        60,
      );
      process.kill(-(bench.pid ?? 0), "SIGINT");
      expect(await exit).toEqual([1, null]);
      expect(await readdir(directory)).toEqual([]);
      expect(processesOf(directory)).toEqual([]);
    } finally {
      bench.kill("SIGKILL");
      await rm(directory, { recursive: true, force: true });
    }
  },
  120_000,
);
