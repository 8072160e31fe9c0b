// The six steps of a batch workload, as a user of Azure Batch writes them. Nothing here knows of Kyanite: with the
// endpoint and keys of an Azure account it runs there.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { BatchServiceClient, BatchSharedKeyCredentials } from "@azure/batch";
import { BlobServiceClient, ContainerSASPermissions } from "@azure/storage-blob";

const applicationDirectory = fileURLToPath(new URL("application", import.meta.url));
const nodeCount = 3;

/**
 * Counts the words of text files on a pool of three nodes.
 * @param {{ batchUrl: string, account: string, accountKey: string, storageConnectionString: string }} service
 * @param {{ name: string, path: string }[]} inputs
 * @param {{ step: <T>(title: string, work: () => Promise<T>) => Promise<T>,
 *           progress: (done: number, total: number) => void, signal: AbortSignal }} options
 */
export async function runWorkflow(service, inputs, { step, progress, signal }) {
  const credentials = new BatchSharedKeyCredentials(service.account, service.accountKey);
  const batch = new BatchServiceClient(credentials, service.batchUrl);
  const storage = BlobServiceClient.fromConnectionString(service.storageConnectionString);
  const run = `words-${Date.now().toString(36)}`;

  const input = await step(`1. Upload ${inputs.length} input files`, async () => {
    const container = await newContainer(storage, `${run}-input`);
    await inBatches(inputs, 16, ({ path }, index) => container.client.getBlockBlobClient(`${index}`).uploadFile(path));
    return container;
  });

  const application = await step("2. Upload the application", async () => {
    const container = await newContainer(storage, `${run}-application`);
    for (const name of await readdir(applicationDirectory))
      await container.client.getBlockBlobClient(name).uploadFile(join(applicationDirectory, name));
    return container;
  });

  await step(`3. Create a pool of ${nodeCount} nodes`, async () => {
    await batch.pool.add({
      id: run,
      vmSize: "standard_d2s_v3",
      virtualMachineConfiguration: {
        imageReference: {
          publisher: "canonical",
          offer: "0001-com-ubuntu-server-jammy",
          sku: "22_04-lts",
          version: "latest",
        },
        nodeAgentSKUId: "batch.node.ubuntu 22.04",
      },
      targetDedicatedNodes: nodeCount,
      taskSlotsPerNode: 2,
      startTask: { commandLine: "/bin/sh -c 'uname -a'", waitForSuccess: true },
    });
    await until(signal, async () => {
      const nodes = await batch.computeNode.list(run);
      return nodes.length === nodeCount && nodes.every(({ state }) => state === "idle");
    });
  });

  await step("4. Create a job", () =>
    batch.job.add({ id: run, poolInfo: { poolId: run }, usesTaskDependencies: true }),
  );

  const output = await newContainer(storage, `${run}-output`);
  const applicationFiles = [{ storageContainerUrl: application.url, filePath: "application" }];
  const keep = (pattern, path) => ({
    filePattern: pattern,
    destination: { container: { containerUrl: output.url, path } },
    uploadOptions: { uploadCondition: "tasksuccess" },
  });
  await step(`5. Add ${inputs.length + 1} tasks`, async () => {
    const tasks = inputs.map(({ name }, index) => ({
      id: `${index}`,
      commandLine: "/bin/sh application/count-words.sh",
      environmentSettings: [{ name: "SOURCE_NAME", value: name }],
      resourceFiles: [...applicationFiles, { httpUrl: input.urlOf(`${index}`), filePath: "input.txt" }],
      outputFiles: [keep("*.tsv", `counts/${index}`)],
      constraints: { maxTaskRetryCount: 1, maxWallClockTime: "PT10M" },
    }));
    for (let start = 0; start < tasks.length; start += 100)
      await batch.task.addCollection(run, tasks.slice(start, start + 100));
    await batch.task.add(run, {
      id: "summary",
      commandLine: "/bin/sh application/summarise.sh",
      dependsOn: { taskIdRanges: [{ start: 0, end: inputs.length - 1 }] },
      resourceFiles: [...applicationFiles, { storageContainerUrl: output.url, blobPrefix: "counts/" }],
      outputFiles: [keep("summary.txt", "summary.txt")],
    });
  });

  return step("6. Run them and fetch what they made", async () => {
    await until(signal, async () => {
      const { taskCounts } = await batch.job.getTaskCounts(run);
      progress(taskCounts.completed, inputs.length + 1);
      return taskCounts.failed > 0 || taskCounts.completed === inputs.length + 1;
    });
    await explainFailures(batch, run);
    const summary = await batch.file.getFromTask(run, "summary", "stdout.txt");
    const results = await inBatches(inputs, 16, async (_, index) =>
      (await output.client.getBlobClient(`counts/${index}/result.tsv`).downloadToBuffer())
        .toString()
        .trim()
        .split("\t"),
    );
    return { poolId: run, jobId: run, results, summary: await textOf(summary.readableStreamBody) };
  });
}

/** A container and URLs into it with a signature that is good for a day. */
async function newContainer(storage, name) {
  const client = storage.getContainerClient(name);
  await client.create();
  const expiresOn = new Date(Date.now() + 24 * 3600 * 1000);
  const url = await client.generateSasUrl({ permissions: ContainerSASPermissions.parse("rlwc"), expiresOn });
  return { client, url, urlOf: (blob) => url.replace("?", `/${blob}?`) };
}

/** @throws with the failure and the end of stderr of each of the first tasks that failed */
async function explainFailures(batch, jobId) {
  const failed = await batch.task.list(jobId, { taskListOptions: { filter: "executionInfo/result eq 'failure'" } });
  if (failed.length === 0) return;
  const reasons = await Promise.all(
    failed.slice(0, 3).map(async ({ id, executionInfo }) => {
      const stderr = await batch.file.getFromTask(jobId, id, "stderr.txt").catch(() => undefined);
      const text = stderr ? await textOf(stderr.readableStreamBody) : "";
      return `task ${id}: ${executionInfo.failureInfo.code}: ${executionInfo.failureInfo.message}\n${text.slice(-500)}`;
    }),
  );
  throw new Error(`${failed.length} tasks failed.\n${reasons.join("\n")}`);
}

async function until(signal, isReached) {
  while (!(await isReached())) await sleep(50, undefined, { signal });
}

/** Like map, with at most `size` under way at a time. */
async function inBatches(items, size, work) {
  const results = [];
  for (let start = 0; start < items.length; start += size)
    results.push(...(await Promise.all(items.slice(start, start + size).map((item, n) => work(item, start + n)))));
  return results;
}

async function textOf(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
