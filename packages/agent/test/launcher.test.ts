import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock, waitUntil } from "@kyanite/runtime";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Cgroups, openCgroups } from "../src/cgroups.ts";
import { type LaunchedCommand, type Launchers, openLaunchers } from "../src/launcher.ts";

let directory: string;
let launchers: Launchers;
let cgroups: Cgroups;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kyanite-launcher-"));
  cgroups = openCgroups(directory, systemClock);
  launchers = openLaunchers(cgroups);
});
afterEach(async () => {
  launchers.close();
  await cgroups.clear();
  await rm(directory, { recursive: true });
});

const sh = (script: string, more: Partial<LaunchedCommand> = {}): LaunchedCommand => ({
  program: "/bin/sh",
  args: ["-c", script],
  environment: { PATH: "/usr/bin:/bin" },
  directory,
  stdout: join(directory, "out"),
  stderr: join(directory, "err"),
  ...more,
});

async function launch(command: LaunchedCommand) {
  const launched = await launchers.launch(command, undefined);
  if (!launched) throw new Error("the shell cannot start this");
  return launched;
}

const output = () => readFile(join(directory, "out"), "utf8");

test("a command gets its arguments, variables and directory exactly, whatever characters they hold", async () => {
  const awkward = 'it\'s $(id) `id` \\ "x"\n\tend;é';
  const environment = { PATH: "/usr/bin:/bin", AWKWARD: awkward, EMPTY: "" };
  const args = ["-c", 'printf "%s|%s|%s|%s" "$1" "$AWKWARD" "$EMPTY" "$PWD"', "name", awkward];
  const { exit } = await launch(sh("", { args, environment }));
  expect(await exit).toBe(0);
  expect(await output()).toBe(`${awkward}|${awkward}||${directory}`);
});

test("a command sees its own variables and none of the shell's", async () => {
  const { exit } = await launch(sh("", { program: "/usr/bin/env", args: [], environment: { ONE: "1" } }));
  expect(await exit).toBe(0);
  expect((await output()).trim().split("\n").sort()).toEqual(["ONE=1"]);
});

test("exit codes and signals are told apart as shells do", async () => {
  expect(await (await launch(sh("exit 7"))).exit).toBe(7);
  expect(await (await launch(sh("kill -TERM $$"))).exit).toBe(143);
});

test("every command leads a process group of its own, has no input, and adds to its files", async () => {
  await writeFile(join(directory, "out"), "before\n");
  const { pid, exit } = await launch(sh("cat; ps -o pgid= -p $$; echo oops >&2"));
  await exit;
  expect((await output()).replaceAll(" ", "")).toBe(`before\n${pid}\n`);
  expect(await readFile(join(directory, "err"), "utf8")).toBe("oops\n");
});

test("commands run at the same time, each in a shell that serves the next one afterwards", async () => {
  const commands = await Promise.all(Array.from({ length: 12 }, (_, n) => launch(sh(`sleep 0.2; exit ${n}`))));
  expect(await Promise.all(commands.map(({ exit }) => exit))).toEqual(Array.from({ length: 12 }, (_, n) => n));
  for (const { release } of commands) release();
  const again = await Promise.all(Array.from({ length: 12 }, () => launch(sh("exit 3"))));
  expect(await Promise.all(again.map(({ exit }) => exit))).toEqual(Array.from({ length: 12 }, () => 3));
});

test("a command whose shell is killed counts as killed, and the next one gets another shell", async () => {
  const { exit } = await launch(sh("kill -KILL $PPID; sleep 1"));
  expect(await exit).toBe(137);
  expect(await (await launch(sh("exit 5"))).exit).toBe(5);
});

test("what a shell cannot write is left to the ordinary way", () => {
  const environment = { "not.a.name": "1" };
  expect(launchers.launch(sh("true", { environment }), undefined)).toBeUndefined();
});

test("no shell is left when the launchers are closed", async () => {
  const { exit, release } = await launch(sh("echo $PPID"));
  await exit;
  release();
  const shell = Number(await output());
  launchers.close();
  const isGone = () => {
    try {
      return !process.kill(shell, 0);
    } catch {
      return true;
    }
  };
  expect(await waitUntil(isGone, { clock: systemClock, timeoutMilliseconds: 10_000 })).toBe(true);
});
