import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { aPool, type RunningService, runningService } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

/** Debian's `az` and Python SDK; run by `npm run test:clients`, because each `az` takes seconds to start. */
const isWanted = process.env.KYANITE_CLIENTS === "1";
const hasAz = isWanted && existsSync("/usr/bin/az");
const hasSdk = isWanted && existsSync("/usr/lib/python3/dist-packages/azure/batch");
if (isWanted && !(hasAz && hasSdk)) console.warn("SKIPPED: needs the Debian packages azure-cli and python3-azure");

const run = promisify(execFile);
let service: RunningService;
let directory: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  if (!isWanted) return;
  service = await runningService();
  directory = await mkdtemp(join(tmpdir(), "kyanite-clients-"));
  env = {
    PATH: "/usr/bin:/bin",
    HOME: directory,
    AZURE_CONFIG_DIR: directory,
    AZURE_CORE_COLLECT_TELEMETRY: "0",
    AZURE_BATCH_ACCOUNT: service.account.name,
    AZURE_BATCH_ACCESS_KEY: service.account.key,
    AZURE_BATCH_ENDPOINT: service.url,
  };
});
afterAll(async () => {
  if (!isWanted) return;
  await service[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

test.skipIf(!hasSdk)(
  "the Python SDK",
  async () => {
    const script = fileURLToPath(new URL("every_method.py", import.meta.url));
    const { stdout } = await run("/usr/bin/python3", [script], { env });
    expect(stdout).toContain("every method answered as its model says");
  },
  300_000,
);

/** The JSON that a command prints, if any. */
async function az(command: string, more: readonly string[] = []): Promise<unknown> {
  const { stdout } = await run("/usr/bin/az", ["batch", ...command.split(" "), ...more, "-o", "json"], { env });
  return stdout.trim() === "" ? undefined : JSON.parse(stdout);
}

async function file(name: string, content: unknown): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, JSON.stringify(content));
  return path;
}

describe.skipIf(!hasAz)("az batch", () => {
  test("works through pools, jobs, tasks, files, nodes and schedules", async () => {
    await az("pool create --json-file", [await file("pool.json", aPool("az"))]);
    expect(await az("pool show --pool-id az --query vmSize")).toBe("standard_d2s_v3");
    expect(await az("pool list --filter", ["id eq 'az' and state eq 'active'", "--query", "[].id"])).toEqual(["az"]);
    await az("pool set --pool-id az --metadata owner=me");
    expect(await az("pool supported-images list --query [0].nodeAgentSkuId")).toMatch(/^batch\.node/);

    await az("job create --id az --pool-id az --priority 5");
    await az("job set --job-id az --priority 6");
    expect(await az("job show --job-id az --query priority")).toBe(6);
    expect(await az("job list --query [].id")).toContain("az");
    const tasks = ["a", "b", "c"].map((id) => ({ id, commandLine: "/bin/sh -c 'echo hello'" }));
    await az("task create --job-id az --json-file", [await file("tasks.json", tasks)]);
    await az("task create --job-id az --task-id single --command-line", ["true"]);
    expect(await az("task list --job-id az --query [].id")).toEqual(["a", "b", "c", "single"]);
    await expect
      .poll(() => az("task show --job-id az --task-id a --query state"), { timeout: 60_000 })
      .toBe("completed");
    expect(await az("task file list --job-id az --task-id a --query [].name")).toContain("stdout.txt");
    const target = join(directory, "stdout.txt");
    await az("task file download --job-id az --task-id a --file-path stdout.txt --destination", [target]);
    expect(existsSync(target)).toBe(true);
    expect(await az("job task-counts show --job-id az --query taskCounts.failed")).toBe(0);

    const [node] = Object(await az("node list --pool-id az --query [].id"));
    expect(await az(`node show --pool-id az --node-id ${node} --query id`)).toBe(node);
    await az(`node scheduling disable --pool-id az --node-id ${node}`);
    await az(`node scheduling enable --pool-id az --node-id ${node}`);

    const start = ["--do-not-run-until", "2099-01-01T00:00:00Z"];
    await az("job-schedule create --id azs --pool-id az", start);
    expect(await az("job-schedule list --query [].id")).toEqual(["azs"]);
    await az("job-schedule delete --job-schedule-id azs --yes");

    await az("task delete --job-id az --task-id b --yes");
    await az("job stop --job-id az");
    await az("job delete --job-id az --yes");
    await az("pool resize --pool-id az --target-dedicated-nodes 0");
    await az("pool delete --pool-id az --yes");
  }, 400_000);
});
