import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunOrder } from "@kyanite/contract";
import { systemClock, waitUntil } from "@kyanite/runtime";
import { hasRuntime, startRuntime, type TestRuntime, testImage } from "@kyanite/testkit/container-runtimes";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aRun, shell, startNode, type TestNode, theNode } from "./fake-service.ts";

const container = (more: Partial<NonNullable<RunOrder["container"]>> = {}) => ({
  imageName: testImage,
  runOptions: "",
  workingDirectory: "taskWorkingDirectory" as const,
  registries: [],
  ...more,
});

const kinds = (["docker", "podman"] as const).filter(hasRuntime);
const firstId = 1_900_100;

describe.each(kinds)("runs in containers of %s", (kind) => {
  let runtime: TestRuntime;
  let node: TestNode;
  beforeAll(async () => {
    runtime = await startRuntime(kind);
    node = await startNode({
      users: "auto",
      isOpen: true,
      userIds: { first: firstId, last: firstId + 9 },
      containers: { setting: runtime.socket, network: undefined, imageBytes: 0 },
    });
  }, 120_000);
  afterAll(async () => {
    await node[Symbol.asyncDispose]();
    await runtime[Symbol.asyncDispose]();
  }, 120_000);

  const read = (order: { directory: string }, file = "stdout.txt") =>
    readFile(join(node.root, order.directory, file), "utf8");
  const run = async (commandLine: string, options = "", more: Partial<RunOrder> = {}) => {
    const order = aRun({ commandLine, container: container({ runOptions: options }), ...more });
    return { order, exit: await node.service.exit(order) };
  };

  test("a command has its exit code, and its output goes to the task's files", async () => {
    const { order, exit } = await run(shell("echo out; echo err >&2; exit 7"));
    expect(exit).toMatchObject({ kind: "exited", exitCode: 7 });
    expect(await read(order)).toBe("out\n");
    expect(await read(order, "stderr.txt")).toBe("err\n");
    expect(runtime.run("ps", "-aq")).toBe("");
  });

  test("it runs as the task's user in the task's directory", async () => {
    const { order, exit } = await run(shell("id -u; id -g; pwd; touch mine; echo $HOME; echo $PATH"));
    expect(exit).toMatchObject({ kind: "exited", exitCode: 0 });
    const working = join(node.root, order.directory, "wd");
    expect((await read(order)).split("\n").slice(0, 4)).toEqual([String(firstId), String(firstId), working, working]);
  });

  test("the instances of a multi-instance task find what their coordination command has left running", async () => {
    const script = (text: string) => shell(text);
    const order = aRun({
      coordinationCommandLine: script(
        "echo coordinated; (echo here > said; exec sleep 600) & until [ -e said ]; do :; done",
      ),
      commandLine: script("cat said; ps | grep -c sleep.600; exit 5"),
      sharedDirectory: "workitems/job/job-1/gang/shared",
      container: container({ isOnHostNetwork: true }),
    });
    node.service.order({ type: "run", order });
    await node.service.until(
      () => node.service.reports.find((report) => report.type === "coordinated" && report.runId === order.runId),
      "coordination",
    );
    node.service.order({ type: "proceed", runId: order.runId });
    const { exit } = await node.service.finished(order.runId);
    expect(exit).toMatchObject({ kind: "exited", exitCode: 5 });
    expect(await read(order, "coordination-stdout.txt")).toBe("coordinated\n");
    expect((await read(order)).split("\n")[0]).toBe("here");
    expect(runtime.run("ps", "-aq")).toBe("");
  });

  test("a subtask that is cancelled ends with all that it has left", async () => {
    const order = aRun({
      kind: "subtask",
      coordinationCommandLine: shell("sleep 600 & exit 0"),
      commandLine: "",
      container: container({ isOnHostNetwork: true }),
    });
    node.service.order({ type: "run", order });
    await node.service.until(
      () => node.service.reports.find((report) => report.type === "coordinated" && report.runId === order.runId),
      "coordination",
    );
    node.service.order({ type: "cancel", runId: order.runId });
    expect((await node.service.finished(order.runId)).exit).toMatchObject({ kind: "ended", reason: "cancelled" });
    expect(runtime.run("ps", "-aq")).toBe("");
  });

  test("variables of the task stand in its options for what they are, and nothing leads out of the root", async () => {
    await writeFile(join(node.root, "shared/in.txt"), "input");
    await symlink("/etc", join(node.root, "shared/elsewhere"));
    const shared = "$AZ_BATCH_NODE_SHARED_DIR";
    const { order, exit } = await run(
      shell("cat /input/in.txt /one.txt; ! touch /input/new; env | grep MINE"),
      `--rm -v ${shared}:/input:ro --mount type=bind,source=${shared}/in.txt,target=/one.txt -e MINE=$AZ_BATCH_TASK_ID`,
      { taskId: "t", environment: { AZ_BATCH_TASK_ID: "t" } },
    );
    expect(exit).toMatchObject({ kind: "exited", exitCode: 0 });
    expect(await read(order)).toBe("inputinputMINE=t\n");
    const out = "-v $AZ_BATCH_TASK_WORKING_DIR/new/out:/out";
    const made = await run(shell("touch /out/file"), out);
    expect(made.exit).toMatchObject({ kind: "exited", exitCode: 0 });
    expect(await read(made.order, "wd/new/out/file")).toBe("");
    for (const option of [
      `-v ${shared}/elsewhere:/x`,
      `-v ${shared}/../../..:/x`,
      "--mount type=bind,src=$AZ_BATCH_TASK_DIR/none,dst=/x",
    ])
      expect((await run("true", option)).exit).toMatchObject({
        failure: { code: "ContainerInvalidSettings", details: [{ name: "ContainerSettings" }, { name: "Message" }] },
      });
  });

  test("a container of somebody else that has the name asked for is neither entered nor removed", async () => {
    const name = `somebody-elses-${kind}`;
    runtime.run("run", "--detach", "--network", "none", "--name", name, testImage, "sleep", "600");
    try {
      const options = container({ runOptions: `--name ${name}`, isOnHostNetwork: true });
      const { exit } = await run(shell("! ps | grep -v grep | grep sleep.600"), "", { container: options });
      expect(exit).toMatchObject({ kind: "exited", exitCode: 0 });
      const order = aRun({
        coordinationCommandLine: shell("ps"),
        commandLine: shell("true"),
        sharedDirectory: "workitems/job/job-1/gang/shared",
        container: options,
      });
      node.service.order({ type: "run", order });
      const isCoordinated = () =>
        node.service.reports.find((report) => report.type === "coordinated" && report.runId === order.runId);
      await node.service.until(isCoordinated, "coordination");
      node.service.order({ type: "proceed", runId: order.runId });
      await node.service.finished(order.runId);
      expect(await read(order, "coordination-stdout.txt")).not.toContain("sleep 600");
      expect(runtime.run("ps", "--format", "{{.Names}}")).toBe(name);
    } finally {
      runtime.run("rm", "--force", name);
    }
  });

  test.each([
    ["a directory of the machine", "/tmp"],
    ["somebody else's volume", "somebody-elses"],
  ])("no path names %s besides", async (_, source) => {
    const kept = source.startsWith("/") ? "$AZ_BATCH_TASK_DIR" : "mine";
    const type = source.startsWith("/") ? "bind" : "volume";
    for (const options of [
      `-v ${kept}:/a,src=${source},dst=/b`,
      `--mount 'type=${type},source=${kept},"dst=/a,src=${source},dst=/b"'`,
    ]) {
      const { exit } = await run(shell("! test -e /b"), options);
      if (exit.kind === "failed") expect(exit).toMatchObject({ failure: { code: "ContainerInvalidSettings" } });
      else expect(exit).toMatchObject({ kind: "exited", exitCode: 0 });
    }
  });

  test("files of variables are those that the task's user may read", async () => {
    await writeFile(join(node.root, "shared/closed"), "SECRET=1\n", { mode: 0o600 });
    const { exit } = await run(shell("env"), "--env-file $AZ_BATCH_NODE_SHARED_DIR/closed");
    expect(exit).toMatchObject({ failure: { code: "ContainerInvalidSettings" } });
  });

  test("the node's root cannot be a way to more rights", async () => {
    const { order } = await run(shell("grep root /proc/self/mountinfo"));
    expect(await read(order)).toMatch(new RegExp(`${node.root} rw,nosuid,nodev`));
    const { order: listed } = await run(
      shell("grep /wd.*nosuid /proc/self/mountinfo; grep NoNewPrivs /proc/self/status"),
      "",
      {
        container: container({ mounts: [{ source: "Task", isReadOnly: false }] }),
      },
    );
    expect(await read(listed)).toContain("NoNewPrivs:\t1");
  });

  test("it sees of the node what it asks for", async () => {
    const seen = shell("ls $AZ_BATCH_NODE_ROOT_DIR 2>/dev/null; ! touch $AZ_BATCH_NODE_SHARED_DIR/x 2>/dev/null; pwd");
    const { order } = await run(seen, "", {
      container: container({
        mounts: [
          { source: "Task", isReadOnly: false },
          { source: "Shared", isReadOnly: true },
          { source: "JobPrep", isReadOnly: true },
        ],
      }),
    });
    expect(await read(order)).toBe(`shared\nworkitems\n${join(node.root, order.directory, "wd")}\n`);
    const { order: blind } = await run(seen, "", {
      container: container({ mounts: [], workingDirectory: "containerImageDefault" }),
    });
    expect(await read(blind)).toBe("/\n");
  });

  test("another user writes to the working directory, and root's files are readable and removable", async () => {
    const { exit, order } = await run(shell("id -u; touch by-another"), "--user 4711:4711");
    expect(exit).toMatchObject({ kind: "exited", exitCode: 0 });
    expect(await read(order)).toBe("4711\n");
    const closed = await run(shell("umask 077; mkdir -p own/er; echo x > own/er/file; id -u"), "-u 0");
    expect(await read(closed.order)).toBe("0\n");
    expect(await read(closed.order, "wd/own/er/file")).toBe("x\n");
    const { directory } = closed.order;
    node.service.order({ type: "removeDirectory", directory });
    await node.service.until(() => (existsSync(join(node.root, directory)) ? undefined : "gone"), "removal");
    const admin = { kind: "auto", scope: "pool", elevationLevel: "admin" } as const;
    expect(await read((await run(shell("id -u"), "", { user: admin })).order)).toBe("0\n");
  });

  test.each([125, 126, 127, 137])("the exit code %i of a program is its own, and survives --rm", async (code) => {
    expect((await run(shell(`exit ${code}`), "--rm")).exit).toMatchObject({ kind: "exited", exitCode: code });
  });

  test("entry points, and commands of the image", async () => {
    expect(await read((await run("-c 'echo $0' named", "--entrypoint /bin/sh")).order)).toBe("named\n");
    expect(await read((await run("echo plain", '--entrypoint ""')).order)).toBe("plain\n");
    const built = "kyanite/built:1";
    runtime.build(built, { entrypoint: ["/bin/echo", "first"], command: ["own"], user: "4711" });
    const image = container({ imageName: built });
    expect(await read((await run("", "", { container: image })).order)).toBe("first own\n");
    expect(await read((await run("given", "", { container: image })).order)).toBe("first given\n");
  });

  test("values with line ends and of 20,000 characters arrive whole", async () => {
    const environment = { LINES: "a\nb", LONG: "x".repeat(20_000) };
    const { order } = await run(shell('echo "$LINES"; printf %s "$LONG" | wc -c'), "", { environment });
    expect(await read(order)).toBe("a\nb\n20000\n");
    await writeFile(join(node.root, "shared/variables"), "# no\nFROM=file\nBOTH=file\n");
    const options = "--env-file $AZ_BATCH_NODE_SHARED_DIR/variables -e BOTH=option";
    expect(await read((await run(shell("echo $FROM $BOTH"), options)).order)).toBe("file option\n");
  });

  test("the image's own PATH counts, unless the task has one", async () => {
    const environment = { PATH: "/mine" };
    expect(await read((await run(shell("echo $PATH"))).order)).not.toContain("/usr/games");
    expect(await read((await run("/bin/sh -c 'echo $PATH'", "", { environment })).order)).toBe("/mine\n");
  });

  test("certificates of the machine can be read, and where it has none there is an empty directory", async () => {
    const options = "-v /etc/ssl/certs:/certs:ro -v /etc/no-such-pki:/etc/pki:ro --cpu-shares 512 --rm --memory 64m";
    const { order } = await run(shell("test -d /certs && ls -d /etc/pki && ls /etc/pki"), options);
    expect(await read(order)).toBe("/etc/pki\n");
  });

  test("private keys beside certificates of the machine are not there, not even for root", async () => {
    const place = await mkdtemp("/etc/ssl/certs/kyanite-");
    try {
      await mkdir(join(place, "private"), { mode: 0o700 });
      await chmod(place, 0o755);
      await writeFile(join(place, "private/key"), "secret");
      await writeFile(join(place, "key"), "secret", { mode: 0o600 });
      await writeFile(join(place, "cert"), "known", { mode: 0o644 });
      const script = shell("cat /c/cert /c/key; ls /c/private");
      expect(await read((await run(script, `-u 0 -v ${place}:/c:ro`)).order)).toBe("known");
      const { exit } = await run("true", `-u 0 -v ${place}/private:/c:ro`);
      expect(exit).toMatchObject({ failure: { code: "ContainerInvalidSettings" } });
    } finally {
      await rm(place, { recursive: true });
    }
  });

  test("a terminal, and output in plenty", async () => {
    expect(await read((await run(shell("test -t 1 && echo terminal"), "-it")).order)).toBe("terminal\r\n");
    const { order } = await run(shell("yes 0123456789 | head -c 20000000"));
    expect((await read(order)).length).toBe(20_000_000);
  });

  test.each([
    ["a program that the image does not have", "no-such-program", {}, "CommandProgramNotFound"],
    [
      "an option that the runtime refuses",
      "true",
      { runOptions: "--cpu-shares 1 --memory 1" },
      "ContainerInvalidSettings",
    ],
    ["a bind of what is not there", "true", { runOptions: "-v /no/such/thing:/x" }, "ContainerInvalidSettings"],
    [
      "an image that is not there",
      "true",
      { imageName: "localhost:1/x", runOptions: "--pull never" },
      "ContainerInvalidImage",
    ],
  ])("%s fails the run before it begins", async (_, commandLine, more, code) => {
    expect((await run(commandLine, "", { container: container(more) })).exit).toMatchObject({
      kind: "failed",
      failure: { category: "UserError", code },
    });
    expect(runtime.run("ps", "-aq")).toBe("");
  });

  test("volumes without a name go with their container, and those with one with their node", async () => {
    await run(shell("touch /kept/a /scratch/b"), "-u 0 -v mine:/kept -v /scratch");
    expect(await read((await run(shell("ls /kept"), "-u 0 -v mine:/kept")).order)).toBe("a\n");
    expect(runtime.run("volume", "ls", "-q")).toMatch(/^kyanite-[0-9a-f]{12}-mine$/);
  });

  test("volumes with a name stay when their node is halted, and go when it is removed", async () => {
    await using own = await startNode({ containers: { setting: runtime.socket, network: undefined, imageBytes: 0 } });
    const isListed = () => runtime.run("volume", "ls", "-q").includes("-lasting");
    const become = async (state: "halted" | "removed", generation: number) => {
      own.host.keep({ [theNode]: { state, generation } });
      const isSo = () => own.standings.now[theNode]?.generation === generation;
      expect(await waitUntil(isSo, { clock: systemClock, timeoutMilliseconds: 20_000 })).toBe(true);
    };
    await own.service.exit({ commandLine: "true", container: container({ runOptions: "-v lasting:/kept" }) });
    await become("halted", 2);
    await become("halted", 3);
    expect(isListed()).toBe(true);
    own.host.keep({ [theNode]: { state: "running", generation: 4 } });
    await own.service.hello(2);
    await become("removed", 5);
    expect(isListed()).toBe(false);
  });

  test("a wall clock that runs out ends it, though it ignores SIGTERM, forks away and fills its files", async () => {
    const script = 'trap "" TERM; (setsid sleep 600 &) ; while :; do sleep 0.1; done';
    const { exit } = await run(`/bin/sh -c '${script}'`, "", { maxWallClockSeconds: 1 });
    expect(exit).toMatchObject({ kind: "ended", reason: "wallClock" });
    expect(runtime.run("ps", "-aq")).toBe("");
  });

  test("200 at once run all of them, and leave nothing", async () => {
    if (kind === "podman") return;
    const orders = Array.from({ length: 200 }, (_, index) =>
      aRun({ commandLine: shell(`exit ${index % 7}`), container: container({ runOptions: "-v /scratch" }) }),
    );
    for (const order of orders) node.service.order({ type: "run", order });
    const ended = () => node.service.reports.filter((report) => report.type === "finished");
    const areOver = () => orders.every(({ runId }) => ended().some((report) => report.runId === runId));
    expect(await waitUntil(areOver, { clock: systemClock, timeoutMilliseconds: 500_000 })).toBe(true);
    const exits = orders.map(({ runId }) => ended().find((report) => report.runId === runId)?.exit);
    expect(exits).toMatchObject(orders.map((_, index) => ({ kind: "exited", exitCode: index % 7 })));
    expect(runtime.run("ps", "-aq")).toBe("");
    expect(runtime.run("volume", "ls", "-qf", "dangling=true")).not.toMatch(/^[0-9a-f]{64}$/m);
  }, 600_000);

  test("it is told of while it runs and when it has ended", async () => {
    // Of what is over within a second nobody is told while it runs.
    const order = aRun({ commandLine: shell("sleep 3"), container: container() });
    node.service.order({ type: "run", order });
    const told = await node.service.until(
      () => node.service.reports.find((report) => report.type === "contained" && report.runId === order.runId),
      "its container",
    );
    const { container: ended } = await node.service.finished(order.runId);
    expect(told).toMatchObject({ container: { state: "running", containerId: ended?.containerId } });
    expect(ended?.state).toBe("exited");
  });
});
