import { readdirSync, readFileSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { hasRuntime, startRuntime, testImage } from "@kyanite/testkit/container-runtimes";
import { expect, test } from "vitest";
import { startAgentProcess } from "./agent-process.ts";
import { aRun, shell } from "./fake-service.ts";

const uid = 65_534;

test.skipIf(!hasRuntime("podman"))(
  "an ordinary user's agent runs containers of the user's own Podman: root inside is that user",
  async () => {
    await using runtime = await startRuntime("podman", uid);
    await using agent = await startAgentProcess(
      { KYANITE_AGENT_USERS: "auto", KYANITE_AGENT_CONTAINER_RUNTIME: runtime.socket },
      uid,
    );
    await agent.service.hello();
    const container = (runOptions: string) => ({
      imageName: testImage,
      runOptions,
      workingDirectory: "taskWorkingDirectory" as const,
      registries: [],
    });
    const order = aRun({
      commandLine: shell("id -u; touch mine; ls /shared; exit 3"),
      container: container("--network none -v $AZ_BATCH_NODE_SHARED_DIR:/shared"),
    });
    expect(await agent.service.exit(order)).toMatchObject({ kind: "exited", exitCode: 3 });
    const directory = join(agent.root, order.directory);
    expect(await readFile(join(directory, "stdout.txt"), "utf8")).toBe("0\n");
    expect((await stat(join(directory, "wd/mine"))).uid).toBe(uid);
    const ofMachine = aRun({
      commandLine: shell("test -d /sys/class/net && ls /sys/fs/cgroup"),
      container: container("--network host"),
    });
    expect(await agent.service.exit(ofMachine)).toMatchObject({ kind: "exited", exitCode: 0 });
    expect(await readFile(join(agent.root, ofMachine.directory, "stdout.txt"), "utf8")).toBe("");
    expect(runtime.run("ps", "-aq")).toBe("");
  },
  120_000,
);

/** Those whose environment names the directory. */
function processesOf(directory: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(join("/proc", pid, "environ"), "utf8").includes(`${directory}\0`);
    } catch {
      return false;
    }
  });
}

test.skipIf(!hasRuntime("podman"))(
  "a Podman of the tests leaves no process",
  async () => {
    const runtime = await startRuntime("podman", uid);
    const directory = dirname(runtime.socket);
    expect(processesOf(directory)).not.toEqual([]);
    await runtime[Symbol.asyncDispose]();
    await expect.poll(() => processesOf(directory)).toEqual([]);
  },
  120_000,
);
