import { mkdtemp, open, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "./clock.ts";
import { createLog } from "./log.ts";
import { boundLogFile, keepLogFileBounded } from "./log-file.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kyanite-log-"));
});
afterEach(() => rm(directory, { recursive: true }));

test("a log that is written without end is two files of bounded size, and the last lines are there", async () => {
  const file = join(directory, "deep/agent.log");
  const log = createLog("info", file);
  for (let line = 0; line < 100_000; line++) log.info("run ended", { line, text: "x".repeat(100) });
  expect((await readdir(join(directory, "deep"))).sort()).toEqual(["agent.log", "agent.log.1"]);
  for (const name of [file, `${file}.1`]) expect((await stat(name)).size).toBeLessThan(5_100_000);
  const [last = ""] = (await readFile(file, "utf8")).trim().split("\n").slice(-1);
  expect(JSON.parse(last)).toMatchObject({ line: 99_999 });
  const [first = ""] = (await readFile(file, "utf8")).split("\n");
  const [before = ""] = (await readFile(`${file}.1`, "utf8")).trim().split("\n").slice(-1);
  expect(JSON.parse(first).line).toBe(JSON.parse(before).line + 1);
});

test("a log that another has open is put aside, and that one goes on at its beginning", async () => {
  const file = join(directory, "server.log");
  await writeFile(file, "x".repeat(6_000_000));
  await using other = await open(file, "a");
  boundLogFile(file);
  await other.write("more\n");
  expect(await readFile(file, "utf8")).toBe("more\n");
  expect((await stat(`${file}.1`)).size).toBe(6_000_000);
});

test("where the disk takes no more, a line is dropped and nobody fails", () => {
  createLog("info", "/dev/full").info("lost");
});

test("a log is kept bounded until that is not wanted any more", async () => {
  const file = join(directory, "server.log");
  await writeFile(file, "x".repeat(6_000_000));
  const stopping = new AbortController();
  const keeping = keepLogFileBounded(file, systemClock, stopping.signal);
  expect((await stat(file)).size).toBe(0);
  stopping.abort();
  await keeping;
});
