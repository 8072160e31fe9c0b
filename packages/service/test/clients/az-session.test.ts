import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { addServicePrincipal } from "@kyanite/service/identity/principals";
import { firstGroup, type RunningService, runningService, zip } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Az, debiansAz, newestAz } from "./installed-az.ts";

/** Sessions of `az`, as README has them; each `az` takes seconds, so that `npm test` alone runs none. */
const wanted = process.env.KYANITE_CLIENTS;
const isWanted = wanted === "quick" || wanted === "all";
const found = (az: Promise<Az>) =>
  az.then(
    ({ program }) => program,
    (cause: unknown) => console.warn("SKIPPED: a session of az, which cannot be had", cause),
  );
const sessions = [
  ["old", isWanted ? await found(debiansAz()) : undefined],
  ["new", wanted === "all" ? await found(newestAz()) : undefined],
] as const;

const run = promisify(execFile);
let service: RunningService;
let directory: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  if (!isWanted) return;
  service = await runningService({ https: true });
  directory = await mkdtemp(join(tmpdir(), "kyanite-az-"));
  const authority = join(directory, "ca.pem");
  await writeFile(authority, service.https.ca);
  env = {
    PATH: "/usr/bin:/bin",
    HOME: directory,
    AZURE_CORE_COLLECT_TELEMETRY: "0",
    REQUESTS_CA_BUNDLE: authority,
  };
});
afterAll(async () => {
  if (!isWanted) return;
  await service[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

describe.for(sessions)("a session of az, the %s one", ([name, program = ""]) => {
  const { resourceGroup, subscriptionId } = firstGroup;

  /** The JSON that a command prints, if any; `more` are arguments that may hold blanks. */
  async function az(command: string, ...more: readonly string[]): Promise<unknown> {
    const words = [...command.split(" "), ...more, "-o", "json"];
    const { stdout } = await run(program, words, { env: { ...env, AZURE_CONFIG_DIR: join(directory, name) } });
    return stdout.trim() === "" ? undefined : JSON.parse(stdout);
  }

  beforeAll(async () => {
    if (program === "") return;
    // What the resource manager says of itself does not reach this far: for bearer tokens az must be told of Batch.
    // By address: behind a name, accounts have names of their own in it, which Debian does not resolve.
    const resourceManager = service.https.url.replace("localhost", "127.0.0.1");
    const endpoints = { resourceManager, batchResourceId: "https://batch.core.windows.net/" };
    await az("cloud register --name Kyanite --cloud-config", JSON.stringify({ endpoints }));
    await az("cloud set --name Kyanite");
    const principal = { name: `az-${name}`, role: "owner" as const, accountName: null };
    const added = await addServicePrincipal(service.database, principal, new Date());
    await az(
      `login --service-principal --tenant adfs --username ${added?.clientId}`,
      // In one word: a secret may begin with a dash.
      `--password=${added?.secret}`,
    );
  }, 120_000);

  test.skipIf(program === "")(
    "signs in and sees the account",
    async () => {
      expect(await az("account list --query [].id")).toEqual([subscriptionId]);
      expect(await az("group list --query [].name")).toEqual([resourceGroup]);
      expect(await az("batch account list --query [].name")).toEqual(["test"]);
    },
    120_000,
  );

  test.skipIf(program === "")(
    "makes a group and an account with a storage account in it",
    async () => {
      const { accountName } = service.storage;
      expect(await az("group create --name made --location westeurope --query properties.provisioningState")).toBe(
        "Succeeded",
      );
      const created = await az(
        `batch account create --name made --resource-group made --location westeurope --storage-account ${accountName}`,
      );
      expect(Object(created).autoStorage.storageAccountId).toMatch(new RegExp(`/storageAccounts/${accountName}$`));
      await az("batch account delete --name made --resource-group made --yes");
    },
    120_000,
  );

  test.skipIf(program === "").each(["", " --shared-key-auth"])(
    "works from an application package to a task's output%s",
    async (mode) => {
      const id = `${mode === "" ? "bearer" : "key"}${name}`;
      await az(`batch account login --name test --resource-group ${resourceGroup}${mode}`);
      const of = `--name test --resource-group ${resourceGroup} --application-name ${id}`;
      const archive = join(directory, `${id}.zip`);
      await writeFile(archive, zip([{ name: "say", content: "#!/bin/sh\necho hello from $0\n", mode: 0o100755 }]));
      // It makes the application, uploads and activates.
      expect(
        await az(`batch application package create ${of} --version-name 1.0 --package-file ${archive}`),
      ).toMatchObject({ state: "Active", format: "zip" });
      await az(`batch application set ${of} --default-version 1.0`);
      expect(await az(`batch application summary list --query [].id`)).toContain(id);

      await az(
        `batch pool create --id ${id} --vm-size standard_d2s_v3 --target-dedicated-nodes 1`,
        ...["--image", "canonical:0001-com-ubuntu-server-jammy:22_04-lts"],
        ...["--node-agent-sku-id", "batch.node.ubuntu 22.04", "--application-package-references", `${id}#1.0`],
      );
      await az(`batch job create --id ${id} --pool-id ${id}`);
      const command = `/bin/sh -c '$AZ_BATCH_APP_PACKAGE_${id}_1_0/say'`;
      await az(`batch task create --job-id ${id} --task-id use --command-line`, command);
      const state = () => az(`batch task show --job-id ${id} --task-id use --query state`);
      await expect.poll(state, { timeout: 90_000 }).toBe("completed");
      const target = join(directory, `${id}.txt`);
      await az(`batch task file download --job-id ${id} --task-id use --file-path stdout.txt --destination ${target}`);
      expect(await readFile(target, "utf8")).toMatch(/^hello from \/.*\/say\n$/);
      await az(`batch job delete --job-id ${id} --yes`);
      await az(`batch pool delete --pool-id ${id} --yes`);
      await az(`batch application package delete ${of} --version-name 1.0 --yes`);
      await az(`batch application delete ${of} --yes`);
    },
    300_000,
  );
});
