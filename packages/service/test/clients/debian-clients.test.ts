import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { managementClient, type RunningService, runningService, storageContainer } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addApplication } from "../conformance/application.ts";
import { cer, thumbprint } from "../conformance/cases.ts";

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
  service = await runningService({ https: true });
  await addApplication(await managementClient(service), service.account.name, "a tool");
  directory = await mkdtemp(join(tmpdir(), "kyanite-clients-"));
  env = {
    PATH: "/usr/bin:/bin",
    HOME: directory,
    AZURE_CONFIG_DIR: directory,
    AZURE_CORE_COLLECT_TELEMETRY: "0",
    AZURE_BATCH_ACCOUNT: service.account.name,
    AZURE_BATCH_ACCESS_KEY: service.account.key,
    AZURE_BATCH_ENDPOINT: service.url,
    LOGS_URL: (await storageContainer(service, "logs")).url,
    CERTIFICATE_THUMBPRINT: thumbprint,
    CERTIFICATE: cer,
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

test.skipIf(!hasAz)(
  "az batch",
  async () => {
    const script = fileURLToPath(new URL("every_command.py", import.meta.url));
    const { stdout } = await run("/usr/bin/python3", [script, directory], { env });
    expect(stdout).toContain("every command answered");
  },
  400_000,
);
