import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { processRecord, systemClock, waitUntil } from "@kyanite/runtime";
import { afterAll, beforeAll, expect, test } from "vitest";
import { aRun, shell, startNode, type TestNode } from "./fake-service.ts";

let node: TestNode;
beforeAll(async () => {
  node = await startNode();
});
afterAll(() => node[Symbol.asyncDispose]());

const read = (path: string) => readFile(join(node.root, path), "utf8");

test("a command runs in its working directory and its output goes to files", async () => {
  const exit = await node.service.exit({
    directory: "workitems/j/job-1/t",
    commandLine: shell("echo out; echo err >&2; pwd; ls ..; exit 3"),
  });
  expect(exit).toMatchObject({ kind: "exited", exitCode: 3 });
  const wd = join(node.root, "workitems/j/job-1/t/wd");
  expect(await read("workitems/j/job-1/t/stdout.txt")).toBe(`out\n${wd}\ncerts\nstderr.txt\nstdout.txt\nwd\n`);
  expect(await read("workitems/j/job-1/t/stderr.txt")).toBe("err\n");
});

test("the environment is the documented one and nothing of the agent's", async () => {
  process.env.KYANITE_TEST_SECRET = "leak";
  await node.service.exit({
    directory: "workitems/j/job-1/env",
    preparationDirectory: "workitems/j/job-1/prep",
    environment: { AZ_BATCH_TASK_ID: "env", MINE: "yes", AZ_BATCH_TASK_DIR: "/elsewhere", HOME: "/my/home" },
    commandLine: "env",
  });
  const lines = (await read("workitems/j/job-1/env/stdout.txt")).trim().split("\n");
  const found = Object.fromEntries(lines.map((line) => [line.split("=")[0], line.slice(line.indexOf("=") + 1)]));
  const { root } = node;
  expect(found).toMatchObject({
    AZ_BATCH_NODE_ROOT_DIR: root,
    AZ_BATCH_NODE_SHARED_DIR: `${root}/shared`,
    AZ_BATCH_NODE_STARTUP_DIR: `${root}/startup`,
    AZ_BATCH_NODE_MOUNTS_DIR: `${root}/fsmounts`,
    AZ_BATCH_TASK_DIR: `${root}/workitems/j/job-1/env`,
    AZ_BATCH_TASK_WORKING_DIR: `${root}/workitems/j/job-1/env/wd`,
    AZ_BATCH_CERTIFICATES_DIR: `${root}/workitems/j/job-1/env/certs`,
    AZ_BATCH_JOB_PREP_DIR: `${root}/workitems/j/job-1/prep`,
    AZ_BATCH_JOB_PREP_WORKING_DIR: `${root}/workitems/j/job-1/prep/wd`,
    AZ_BATCH_TASK_ID: "env",
    MINE: "yes",
    HOME: "/my/home",
  });
  expect(JSON.stringify(found)).not.toMatch(/leak|secret-token/);
});

test("a command with more text than the system starts one with fails to start, and is not taken for one that failed", async () => {
  const environment = { LONG: "x".repeat(200_000) };
  expect(await node.service.exit({ commandLine: "true", environment })).toMatchObject({
    kind: "failed",
    failure: {
      category: "UserError",
      code: "CommandLaunchFailed",
      details: [{ name: "Message", value: expect.stringContaining("E2BIG") }],
    },
  });
});

test("a program that has just run is missed when it is removed or closed, and found when it is there again", async () => {
  const tool = join(node.root, "shared", "tool");
  const run = () => node.service.exit({ commandLine: tool });
  const write = () => writeFile(tool, "#!/bin/sh\n", { mode: 0o755 });
  await write();
  expect(await run()).toMatchObject({ kind: "exited", exitCode: 0 });
  await rm(tool);
  expect(await run()).toMatchObject({ failure: { code: "CommandProgramNotFound" } });
  await write();
  expect(await run()).toMatchObject({ kind: "exited", exitCode: 0 });
  await chmod(tool, 0o600);
  expect(await run()).toMatchObject({ failure: { code: "CommandLaunchFailed" } });
});

test("a program that is not there, and one that cannot be executed, are told apart", async () => {
  expect(await node.service.exit({ commandLine: "no-such-program --x" })).toMatchObject({
    kind: "failed",
    failure: { category: "UserError", code: "CommandProgramNotFound" },
  });
  expect(await node.service.exit({ commandLine: "/etc/passwd" })).toMatchObject({
    failure: { code: "CommandLaunchFailed" },
  });
  expect(await node.service.exit({ commandLine: "   " })).toMatchObject({
    failure: { code: "CommandProgramNotFound" },
  });
});

test.each(["no-such-program", "./not-executable", ""])(
  "the output of a task whose command is %j is there, and empty",
  async (commandLine) => {
    const { directory } = aRun();
    await node.service.run({ directory, commandLine: shell("echo before; echo before >&2; touch not-executable") });
    await node.service.run({ directory, keepsDirectory: true, commandLine });
    for (const name of ["stdout.txt", "stderr.txt"])
      expect(await readFile(join(node.root, directory, name), "utf8")).toBe("");
  },
);

test.each([
  [
    "whose lines end as on Windows",
    "#!/bin/sh\\r\\necho hello\\r\\n",
    '"/bin/sh\\r", which does not exist: the lines of the script end',
  ],
  ["with an interpreter that is not there", "#! /opt/none/python -u\\n", '"/opt/none/python", which does not exist'],
])("a script %s fails, and its interpreter is named", async (_, script, message) => {
  const { directory } = aRun();
  await node.service.run({ directory, commandLine: shell(`printf "${script}" > script; chmod 755 script`) });
  for (const order of [{ commandLine: "./script" }, { coordinationCommandLine: "./script", commandLine: "true" }])
    expect(await node.service.exit({ directory, keepsDirectory: true, ...order })).toMatchObject({
      kind: "failed",
      failure: {
        code: "CommandLaunchFailed",
        details: [{ name: "Message", value: expect.stringContaining(message) }],
      },
    });
});

test("a command that dies of a signal exits with 128 and its number", async () => {
  expect(await node.service.exit({ commandLine: shell("kill -9 $$") })).toMatchObject({
    kind: "exited",
    exitCode: 137,
  });
});

test("a run past its wall clock is ended", async () => {
  const exit = await node.service.exit({ commandLine: "sleep 60", maxWallClockSeconds: 0.2 });
  expect(exit).toMatchObject({ kind: "ended", reason: "wallClock", exitCode: 143 });
});

test("a cancelled run that ignores SIGTERM is killed after the grace", async () => {
  const order = aRun({ commandLine: shell("trap : TERM; touch ready; while true; do sleep 0.1; done") });
  node.service.order({ type: "run", order });
  await fileAppears(`${order.directory}/wd/ready`);
  node.service.order({ type: "cancel", runId: order.runId });
  expect((await node.service.finished(order.runId)).exit).toMatchObject({
    kind: "ended",
    reason: "cancelled",
    exitCode: 137,
  });
});

test("a run that nobody knows is cancelled at once", async () => {
  const { runId } = aRun();
  node.service.order({ type: "cancel", runId });
  expect((await node.service.finished(runId)).exit).toMatchObject({ kind: "ended", reason: "cancelled" });
});

test("a daemon that left its session does not survive its task", async () => {
  const order = aRun({
    commandLine: shell('setsid sh -c "sleep 300 & echo \\$! > pid; wait" & while [ ! -s pid ]; do sleep 0.02; done'),
  });
  node.service.order({ type: "run", order });
  expect((await node.service.finished(order.runId)).exit).toMatchObject({ kind: "exited", exitCode: 0 });
  const pid = Number(await read(`${order.directory}/wd/pid`));
  const isGone = () => processRecord(pid) === undefined;
  expect(await waitUntil(isGone, { clock: systemClock, timeoutMilliseconds: 2_000 })).toBe(true);
});

test("a retry keeps the working directory and empties the output", async () => {
  const directory = "workitems/j/job-1/retry";
  await node.service.exit({ directory, commandLine: shell("echo first; touch kept; exit 1") });
  await node.service.exit({ directory, keepsDirectory: true, commandLine: shell("ls") });
  expect(await read(`${directory}/stdout.txt`)).toBe("kept\n");
  await node.service.exit({ directory, commandLine: shell("ls") });
  expect(await read(`${directory}/stdout.txt`)).toBe("");
});

test("a start task runs in the startup directory", async () => {
  const kind = "startTask";
  const commandLine = shell("pwd; ls $AZ_BATCH_NODE_STARTUP_DIR");
  expect(await node.service.exit({ kind, directory: "startup", commandLine })).toMatchObject({
    kind: "exited",
    exitCode: 0,
  });
  expect(await read("startup/stdout.txt")).toBe(`${node.root}/startup/wd\ncerts\nstderr.txt\nstdout.txt\nwd\n`);
});

test("a directory outside the root is refused", async () => {
  expect(await node.service.exit({ directory: "../outside" })).toMatchObject({ kind: "failed" });
  await mkdir(join(node.root, "workitems/x"), { recursive: true });
  await writeFile(join(node.root, "workitems/x/marker"), "");
  expect(await node.service.exit({ directory: "/etc" })).toMatchObject({ kind: "failed" });
});

test("the same run ordered twice is executed once", async () => {
  const order = aRun({ commandLine: shell("echo x >> ../../count") });
  node.service.order({ type: "run", order });
  node.service.order({ type: "run", order });
  await node.service.finished(order.runId);
  node.service.order({ type: "run", order });
  await node.service.run({});
  expect(await read("workitems/job/job-1/count")).toBe("x\n");
});

const fileAppears = (path: string) =>
  waitUntil(
    () =>
      read(path).then(
        () => true,
        () => false,
      ),
    { clock: systemClock, timeoutMilliseconds: 10_000 },
  );
