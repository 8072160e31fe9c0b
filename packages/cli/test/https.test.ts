import { mkdtemp, readFile, rm } from "node:fs/promises";
import { Agent } from "node:https";
import type { LookupFunction } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  BlobServiceClient,
  ContainerSASPermissions,
  newPipeline,
  StorageSharedKeyCredential,
} from "@azure/storage-blob";
import { parseConnectionString } from "@kyanite/storage";
import { aPool, batchClient, freePorts, type ServerProcess, startServerProcess, until } from "@kyanite/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";

let directory: string;
let server: ServerProcess | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kyanite-test-"));
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
  await rm(directory, { recursive: true, force: true });
});

/** Not every machine resolves names below localhost. */
const lookup: LookupFunction = (_name, options, callback) =>
  options.all ? callback(null, [{ address: "127.0.0.1", family: 4 }]) : callback(null, "127.0.0.1", 4);

test("a program that builds https://ACCOUNT.blob.DOMAIN stages files for tasks, with our authority only", async () => {
  const [port = 0] = await freePorts(1);
  const ports = ["--http-port", "0", "--https-port", "0", "--storage-https-port", String(port)];
  server = await startServerProcess(["--data-dir", directory, ...ports]);
  const { account, accountKey, batchUrl, ...endpoints } = server.endpoints;
  expect(endpoints.blobHttpsEndpoint).toBe(`https://localhost:${port}/kyanite`);
  const { accountName, accountKey: storageKey = "" } = parseConnectionString(endpoints.storageConnectionString);
  const pipeline = newPipeline(new StorageSharedKeyCredential(accountName, storageKey));
  const agent = new Agent({ ca: await readFile(endpoints.caCertificate), lookup });
  pipeline.factories.unshift({
    create: (next) => ({ sendRequest: (request) => next.sendRequest(Object.assign(request, { agent })) }),
  });
  const blobs = new BlobServiceClient(`https://${accountName}.blob.localhost:${port}`, pipeline);
  const container = blobs.getContainerClient("inputs");
  await container.create();
  const input = container.getBlockBlobClient("a b.txt");
  await input.upload("hello", 5);
  const expiresOn = new Date(Date.now() + 3_600_000);
  const httpUrl = await input.generateSasUrl({ permissions: ContainerSASPermissions.parse("r"), expiresOn });
  const containerUrl = await container.generateSasUrl({
    permissions: ContainerSASPermissions.parse("rcwl"),
    expiresOn,
  });

  const client = batchClient({ account: { name: account, key: accountKey }, url: batchUrl });
  await client.pool.add(aPool("pool", { targetDedicatedNodes: 1 }));
  await client.job.add({ id: "job", poolInfo: { poolId: "pool" } });
  await client.task.add("job", {
    id: "task",
    commandLine: "/bin/sh -c 'cat input.txt > output.txt'",
    resourceFiles: [{ httpUrl, filePath: "input.txt" }],
    outputFiles: [
      {
        filePattern: "output.txt",
        destination: { container: { containerUrl, path: "output.txt" } },
        uploadOptions: { uploadCondition: "tasksuccess" },
      },
    ],
  });
  const { executionInfo } = await until(
    () => client.task.get("job", "task"),
    ({ state }) => state === "completed",
    60,
  );
  expect(executionInfo?.failureInfo).toBeUndefined();
  expect((await container.getBlobClient("output.txt").downloadToBuffer()).toString()).toBe("hello");
});
