import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { BlobServiceClient, type ContainerClient, RestError, StorageSharedKeyCredential } from "@azure/storage-blob";
import { createLog, processRecord, systemClock } from "@kyanite/runtime";
import { expect, test } from "vitest";
import { type StorageAccount, startEmbeddedStorage } from "../src/index.ts";
import { clean, temporaryDirectory } from "./temporary.ts";

const kills = Number(process.env.KYANITE_STORAGE_KILLS ?? 5);

async function start(directory: string) {
  const storage = await startEmbeddedStorage({
    directory,
    environment: {},
    clock: systemClock,
    log: createLog("silent"),
  });
  clean.push(() => storage.stop());
  return storage;
}

function containerOf(account: StorageAccount, name: string): ContainerClient {
  const credential = new StorageSharedKeyCredential(account.accountName, account.accountKey ?? "");
  const retryOptions = { maxTries: 1 };
  return new BlobServiceClient(account.blobEndpoint, credential, { retryOptions }).getContainerClient(name);
}

/** What is in a container: the value of each blob and its metadata, and under its own name that of the container. */
type Contents = Readonly<Record<string, string | undefined>>;

async function contentsOf(container: ContainerClient): Promise<Contents> {
  const { metadata } = await container.getProperties();
  const found: Record<string, string | undefined> = { [container.containerName]: metadata?.value };
  for await (const { name, metadata } of container.listBlobsFlat({ includeMetadata: true })) {
    const value = (await container.getBlobClient(name).downloadToBuffer()).toString();
    found[name] = `${value} ${metadata?.value ?? ""}`;
  }
  return found;
}

/** The operations, each of which leaves a value behind. */
const operations: readonly ((container: ContainerClient, name: string, value: string) => Promise<unknown>)[] = [
  (container, name, value) => container.getBlockBlobClient(name).upload(value, value.length, { metadata: { value } }),
  async (container, name, value) => {
    const blob = container.getBlockBlobClient(name);
    const ids = ["0", "1"].map((id) => Buffer.from(id).toString("base64"));
    for (const id of ids) await blob.stageBlock(id, value.slice(0, 1), 1);
    await blob.stageBlock(Buffer.from("2").toString("base64"), value, value.length);
    await blob.commitBlockList([Buffer.from("2").toString("base64")], { metadata: { value } });
  },
  async (container, name, value) => {
    const blob = container.getAppendBlobClient(name);
    await blob.create({ metadata: { value } });
    await blob.appendBlock(value, value.length);
  },
  removal,
  description,
];

function description(container: ContainerClient, _name: string, value: string): Promise<unknown> {
  return container.setMetadata({ value });
}

function removal(container: ContainerClient, name: string): Promise<unknown> {
  return container.deleteBlob(name, { deleteSnapshots: "include" });
}

/**
 * Changes one container and its blobs, one after the other, until the storage is gone. `settled` is what has been
 * acknowledged; what was being changed at the end is `open`.
 */
async function work(container: ContainerClient, { round, settled, onAcknowledged }: Work) {
  for (let count = 0; ; count += 1) {
    const value = `${round}.${count}`;
    const operate = operations[(count + round) % operations.length];
    const name = operate === description ? container.containerName : `blob-${(count * 7) % 60}`;
    try {
      await operate?.(container, name, value);
      settled[name] = operate === removal ? undefined : operate === description ? value : `${value} ${value}`;
      onAcknowledged();
    } catch (cause) {
      // A refusal, as of blocks for an append blob, leaves everything as it was.
      const isRefusal = cause instanceof RestError && cause.statusCode !== undefined;
      if (!isRefusal) return name;
    }
  }
}

interface Work {
  readonly round: number;
  readonly settled: Record<string, string | undefined>;
  readonly onAcknowledged: () => void;
}

test(`of what was acknowledged nothing is missing or different after ${kills} kills under load`, async () => {
  const directory = await temporaryDirectory();
  const names = Array.from({ length: 8 }, (_, index) => `container-${index}`);
  const settled = names.map((): Record<string, string | undefined> => ({}));
  const total = { acknowledged: 0 };
  for (let round = 0; round < kills; round += 1) {
    const { account, process: server } = await start(directory);
    const containers = names.map((name) => containerOf(account, name));
    for (const container of containers) await container.createIfNotExists();
    const enough = total.acknowledged + 100 + 13 * round;
    const workers = containers.map((container, index) =>
      work(container, {
        round,
        settled: settled[index] ?? {},
        onAcknowledged: () => {
          total.acknowledged += 1;
          if (total.acknowledged === enough) process.kill(server.pid, "SIGKILL");
        },
      }),
    );
    const open = await Promise.all(workers);
    const again = await start(directory);
    expect(again.account).toEqual(account);
    for (const [index, name] of names.entries()) {
      const found = await contentsOf(containerOf(account, name));
      expect(without(found, open[index])).toEqual(without(settled[index] ?? {}, open[index]));
      settled[index] = { ...found };
    }
    await again.stop();
  }
  console.log(`${kills} kills, ${total.acknowledged} acknowledged operations`);
}, 600_000);

function without(contents: Contents, unsure: string | undefined): Contents {
  return Object.fromEntries(Object.entries(contents).filter(([name, value]) => value !== undefined && name !== unsure));
}

test("what an older Kyanite's Azurite kept is still there, also when that one is running", async () => {
  const directory = await temporaryDirectory();
  const { account, ...first } = await start(directory);
  await first.stop();
  await rm(join(directory, "data"), { recursive: true });
  await mkdir(join(directory, "data"));
  const azurite = await startAzurite(directory, account);
  const old = containerOf({ ...account, blobEndpoint: azurite.blobEndpoint }, "kept");
  await old.create({ metadata: { value: "old" } });
  await old.getBlockBlobClient("blob").upload("hello", 5, { metadata: { value: "v" } });
  const now = await start(directory);
  expect(now.isAdopted).toBe(false);
  expect(now.process.pid).not.toBe(azurite.pid);
  const container = containerOf(now.account, "kept");
  expect(await contentsOf(container)).toEqual({ kept: "old", blob: "hello v" });
  expect(await readdir(join(directory, "data"))).toEqual(["__blobstorage__", "blob-index.journal"]);
});

/** Azurite as it is, in the directory of a storage of ours and recorded as earlier versions of ours did. */
async function startAzurite(directory: string, account: StorageAccount) {
  const program = join(
    dirname(createRequire(import.meta.url).resolve("azurite/package.json")),
    "dist/src/blob/main.js",
  );
  const child = spawn(
    process.execPath,
    [
      program,
      "--silent",
      "--skipApiVersionCheck",
      "--disableTelemetry",
      "--blobPort",
      "0",
      "--location",
      join(directory, "data"),
    ],
    { env: { AZURITE_ACCOUNTS: `${account.accountName}:${account.accountKey}` }, detached: true },
  );
  clean.push(async () => child.kill("SIGKILL"));
  let output = "";
  while (!/listens on \S*:\d+/.test(output)) {
    const [chunk]: Buffer[] = await once(child.stdout, "data");
    output += chunk?.toString() ?? "";
  }
  const pid = child.pid ?? 0;
  await writeFile(join(directory, "process.json"), JSON.stringify(processRecord(pid)));
  const port = /listens on \S*:(\d+)/.exec(output)?.[1];
  return { pid, blobEndpoint: `http://127.0.0.1:${port}/${account.accountName}` };
}
