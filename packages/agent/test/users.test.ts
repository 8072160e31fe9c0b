import { mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { linuxName } from "../src/accounts.ts";
import { aRun, shell, startNode, type TestNode } from "./fake-service.ts";

const isRoot = process.getuid?.() === 0 && process.platform === "linux";
if (!isRoot) console.warn("users of runs are not tested: only root can change users");

describe.skipIf(!isRoot)("as root", () => {
  let node: TestNode;
  beforeAll(async () => {
    node = await startNode({ users: "auto", isOpen: true });
  });
  afterAll(() => node[Symbol.asyncDispose]());

  const read = (path: string) => readFile(join(node.root, path), "utf8");

  test("an ordinary run uses the shared user, who may write where it should", async () => {
    node.service.routes.set("/f", (_, response) => response.end("x"));
    const { directory } = aRun();
    const exit = await node.service.exit({
      directory,
      downloads: [{ kind: "url", url: `${node.service.url}/f`, filePath: "d/f" }],
      commandLine: shell(
        "id -un; echo $USER; touch new ../up d/new $AZ_BATCH_NODE_SHARED_DIR/s && rm d/f && ! touch $AZ_BATCH_NODE_ROOT_DIR/no",
      ),
    });
    expect(exit).toMatchObject({ kind: "exited", exitCode: 0 });
    expect(await read(`${directory}/stdout.txt`)).toBe("_azbatch\n_azbatch\n");
  });

  test("a retry may work on what an earlier run has left, and an admin is root", async () => {
    const directory = "workitems/job/job-1/both";
    await node.service.run({ directory, commandLine: "touch mine" });
    const admin = { kind: "auto", scope: "pool", elevationLevel: "admin" } as const;
    await node.service.run({ directory, keepsDirectory: true, user: admin, commandLine: shell("id -un; ls") });
    expect(await read(`${directory}/stdout.txt`)).toBe("root\nmine\n");
  });

  test("a program is looked for with the rights of the task's user, whatever the kind of command", async () => {
    const closed = join(node.root, "shared/closed");
    await mkdir(join(closed, "bin"), { recursive: true, mode: 0o700 });
    await writeFile(join(closed, "bin/date"), "#!/bin/sh\nexit 9\n", { mode: 0o755 });
    const environment = { PATH: `${closed}/bin:/usr/bin` };
    for (const kind of ["task", "startTask", "jobPreparation", "jobRelease"] as const)
      expect(await node.service.exit({ kind, environment, commandLine: "date" })).toMatchObject({
        kind: "exited",
        exitCode: 0,
      });
    const coordinated = { coordinationCommandLine: "date", kind: "subtask", environment } as const;
    const order = aRun(coordinated);
    node.service.order({ type: "run", order });
    await node.service.until(
      () => node.service.reports.find((report) => report.type === "coordinated" && report.runId === order.runId),
      "coordination",
    );
    node.service.order({ type: "cancel", runId: order.runId });
    expect(await node.service.exit({ environment, commandLine: `${closed}/bin/date` })).toMatchObject({
      failure: { code: "CommandLaunchFailed" },
    });
    const admin = { kind: "auto", scope: "pool", elevationLevel: "admin" } as const;
    expect(await node.service.exit({ user: admin, environment, commandLine: "date" })).toMatchObject({ exitCode: 9 });
  });

  test("a named user is used, and a missing one fails the run", async () => {
    await node.service.setUp([{ name: "alice", isAdmin: false }]);
    const directory = "workitems/job/job-1/named";
    const asAlice = { kind: "named", name: "alice" } as const;
    await node.service.run({
      directory,
      user: asAlice,
      commandLine: shell("id -un; touch $AZ_BATCH_NODE_SHARED_DIR/a"),
    });
    expect(await read(`${directory}/stdout.txt`)).toBe(`${linuxName("tvm-1", "alice")}\n`);
    for (const name of ["root", "nobody", "no-such-user"])
      expect(await node.service.exit({ user: { kind: "named", name } })).toMatchObject({
        kind: "failed",
        failure: { category: "UserError", code: "CommandLaunchFailed" },
      });
    await node.service.setUp([]);
    expect(await node.service.exit({ user: asAlice })).toMatchObject({ kind: "failed" });
  });

  test("a link gets no file out that the run's user could not read", async () => {
    const bodies: string[] = [];
    node.service.routes.set("/out/", (request, response) => {
      request
        .on("data", (chunk: Buffer) => bodies.push(chunk.toString()))
        .on("end", () => response.writeHead(201).end());
    });
    const { directory } = aRun();
    await node.service.run({
      directory,
      commandLine: shell("ln -s /etc/shadow shadow; echo ok > fine"),
      uploads: [{ filePattern: "*", containerUrl: `${node.service.url}/out`, uploadCondition: "taskcompletion" }],
    });
    expect(bodies).toEqual(["ok\n"]);
  });

  test("a link in place of the output is not written through", async () => {
    const directory = "workitems/job/job-1/trap";
    await node.service.run({ directory });
    const target = join(node.directory, "precious");
    await rm(join(node.root, directory, "stdout.txt"));
    await symlink(target, join(node.root, directory, "stdout.txt"));
    expect(await node.service.exit({ directory, keepsDirectory: true })).toMatchObject({ kind: "failed" });
    await expect(readFile(target)).rejects.toThrow("ENOENT");
  });
});
