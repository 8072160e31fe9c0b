import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Directory, systemClock, waitUntil } from "@kyanite/runtime";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Cgroups, openCgroups } from "../src/cgroups.ts";
import type { Launchers } from "../src/executors/launcher.ts";
import { processExecutor } from "../src/executors/process.ts";
import type { LaunchedCommand } from "../src/executors/waiting-shell.ts";
import { noWalls } from "../src/walls/walls.ts";

const walls = noWalls("not needed");
let directory: string;
let launchers: Launchers;
let cgroups: Cgroups;
let executor: ReturnType<typeof processExecutor>;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kyanite-launcher-"));
  cgroups = openCgroups(directory, systemClock);
  executor = processExecutor({ directory, cgroups, walls, clock: systemClock });
  launchers = executor.launchers;
});
afterEach(async () => {
  launchers.close();
  await cgroups.clear();
  await rm(directory, { recursive: true });
});

const sh = (script: string, more: Partial<LaunchedCommand> = {}): LaunchedCommand => ({
  runId: randomUUID(),
  program: "/bin/sh",
  args: ["-c", script],
  environment: { PATH: "/usr/bin:/bin" },
  directory,
  stdout: join(directory, "out"),
  stderr: join(directory, "err"),
  slots: 1,
  ...more,
});

function launch(command: LaunchedCommand) {
  const launched = launchers.launch(command, undefined);
  if (!launched) throw new Error("the shell cannot start this");
  return launched;
}

const output = () => readFile(join(directory, "out"), "utf8");

test("a command gets its arguments, variables and directory exactly, whatever characters they hold", async () => {
  const awkward = 'it\'s $(id) `id` \\ "x"\n\tend;é';
  const environment = { PATH: "/usr/bin:/bin", AWKWARD: awkward, EMPTY: "" };
  const args = ["-c", 'printf "%s|%s|%s|%s" "$1" "$AWKWARD" "$EMPTY" "$PWD"', "name", awkward];
  const { exit } = launch(sh("", { args, environment }));
  expect(await exit).toBe(0);
  expect(await output()).toBe(`${awkward}|${awkward}||${directory}`);
});

test("a command sees its own variables and none of the shell's", async () => {
  const { exit } = launch(sh("", { program: "/usr/bin/env", args: [], environment: { ONE: "1" } }));
  expect(await exit).toBe(0);
  expect((await output()).trim().split("\n").sort()).toEqual(["ONE=1"]);
});

test("exit codes and signals are told apart as shells do", async () => {
  expect(await launch(sh("exit 7")).exit).toBe(7);
  expect(await launch(sh("kill -TERM $$")).exit).toBe(143);
});

test("every command has a process group that it shares with its shell only, no input, and adds to its files", async () => {
  await writeFile(join(directory, "out"), "before\n");
  const { family, exit } = launch(sh("cat; ps -o pgid= -p $$; echo oops >&2"));
  await exit;
  expect((await output()).replaceAll(" ", "")).toBe(`before\n${family.group}\n`);
  expect(await readFile(join(directory, "err"), "utf8")).toBe("oops\n");
});

test("commands run at the same time, each in a shell that serves the next one afterwards", async () => {
  const commands = Array.from({ length: 12 }, (_, n) => launch(sh(`sleep 0.2; exit ${n}`)));
  expect(await Promise.all(commands.map(({ exit }) => exit))).toEqual(Array.from({ length: 12 }, (_, n) => n));
  for (const { release } of commands) release();
  await nextTurn();
  const again = Array.from({ length: 12 }, () => launch(sh("exit 3")));
  expect(await Promise.all(again.map(({ exit }) => exit))).toEqual(Array.from({ length: 12 }, () => 3));
});

test.each(["HUP", "INT", "QUIT", "USR1", "USR2", "PIPE", "ALRM", "TERM"])(
  "a command may send SIG%s to its group: its shell tells how it ended, and serves the next one",
  async (signal) => {
    const ended = launch(sh(`kill -${signal} 0; sleep 5`));
    expect(await ended.exit).toBe(128 + constants.signals[`SIG${signal}` as NodeJS.Signals]);
    ended.release();
    await nextTurn();
    const deaf = launch(sh(`trap "" ${signal}; kill -${signal} 0; exit 4`));
    expect(await deaf.exit).toBe(4);
    expect(deaf.family.group).toBe(ended.family.group);
  },
);

test("a shell is another's only in the next turn: in this one the end of its command is kept", async () => {
  const { exit, family, release } = launch(sh("exit 0"));
  expect(await exit).toBe(0);
  release();
  expect(launch(sh("exit 0")).family.group).not.toBe(family.group);
  await nextTurn();
  expect(launch(sh("exit 0")).family.group).toBe(family.group);
});

test("a command that kills its group counts as killed, and the next one gets another shell", async () => {
  const { exit, family, release } = launch(sh("kill -KILL 0"));
  expect(await exit).toBe(137);
  release();
  const next = launch(sh("exit 5"));
  expect(await next.exit).toBe(5);
  expect(next.family.group).not.toBe(family.group);
});

test("a shell whose group is to be killed is given to nobody else, even while it still lives", async () => {
  const { exit, family, release } = launch(sh("exit 0"));
  expect(await exit).toBe(0);
  family.shell?.giveUp();
  release();
  await nextTurn();
  expect(launch(sh("exit 0")).family.group).not.toBe(family.group);
});

test("a command whose shell is killed counts as killed, and the next one gets another shell", async () => {
  const { exit } = launch(sh("kill -KILL $PPID; sleep 1"));
  expect(await exit).toBe(137);
  expect(await launch(sh("exit 5")).exit).toBe(5);
});

test.skipIf(!existsSync("/usr/bin/python3"))(
  "a command that speaks for its shell is a failure of the node, and the next one gets another shell",
  async () => {
    // Takes its parent's pipes (pidfd_getfd), as a task without walls can.
    const script = `
import ctypes, os, stat
shell = os.pidfd_open(os.getppid())
taken = [ctypes.CDLL(None).syscall(438, shell, number, 0) for number in range(20)]
for number in taken:
    if number >= 0 and stat.S_ISFIFO(os.fstat(number).st_mode): os.write(number, b"garbage\\n")
`;
    const { exit, family, release } = launch(sh("", { program: "/usr/bin/python3", args: ["-c", script] }));
    await expect(exit).rejects.toThrow("The exit code of the command got lost");
    release();
    const next = launch(sh("exit 5"));
    expect(await next.exit).toBe(5);
    expect(next.family.group).not.toBe(family.group);
  },
);

test.each(["not.a.name", "OPTIND"])(
  "the variable %s, which a shell cannot give, is left to the ordinary way",
  (name) => {
    expect(launchers.launch(sh("true", { environment: { [name]: "some text" } }), undefined)).toBeUndefined();
  },
);

test.each([
  "IFS",
  "PATH",
  "HOME",
  "PWD",
  "OLDPWD",
  "ENV",
  "PPID",
  "UID",
  "LINENO",
  "OPTARG",
  "PS4",
  "CDPATH",
  "LC_ALL",
])("the variable %s is the command's alone, although shells know it", async (name) => {
  const { exit } = launch(sh("", { program: "/usr/bin/env", args: [], environment: { [name]: "some text" } }));
  expect(await exit).toBe(0);
  expect(await output()).toBe(`${name}=some text\n`);
  expect(await launch(sh("exit 6")).exit).toBe(6);
});

test.each([
  ["told to end, and does", "exec sleep 60", 15_000, [143]],
  ["killed, when it has no time to end", "exec sleep 60", 0, [137, 143]],
  ["killed, when it does not end", "trap '' TERM; sleep 60", 100, [137, 143]],
])("a command is stopped although its shell may not have begun with it: it is %s", async (_, script, grace, codes) => {
  using taskDirectory = Directory.open(directory);
  const command = await executor.start({ ...sh(script), taskDirectory, user: undefined, standsAlone: false }, () => {});
  await command.stop(grace);
  expect(codes).toContain(await command.exit);
  expect(await command.kill()).toBe(true);
  await command.release();
  expect(await launch(sh("exit 5")).exit).toBe(5);
});

test("no shell is left when the launchers are closed", async () => {
  const { exit, family, release } = launch(sh("true"));
  await exit;
  release();
  launchers.close();
  const isGone = () => {
    try {
      return !process.kill(family.group, 0);
    } catch {
      return true;
    }
  };
  expect(await waitUntil(isGone, { clock: systemClock, timeoutMilliseconds: 10_000 })).toBe(true);
});
