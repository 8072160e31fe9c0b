import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { createContainer, parseConnectionString, signUrl } from "@kyanite/storage";
import { type RawClient, rawClient } from "../client.ts";
import type { Figure } from "../figures.ts";
import { startRealServer } from "../real-server.ts";
import { peakResidentMegabytes } from "../usage.ts";
import { addJob, addPool, seconds, whenCompleted } from "../work.ts";

const scenario = "staging";
const container = "bench-staging";
const file = "$AZ_BATCH_NODE_SHARED_DIR/big";

/** A large file from a node into the storage and back, beside `curl` with the same file and the same storage. */
export async function staging({ isLong }: { isLong: boolean }): Promise<Figure[]> {
  await using server = await startRealServer();
  const client = rawClient(server.account, 4);
  await addPool(client, "pool", 1, 1);
  const urlOf = await openContainer(server.storageConnectionString);
  const megabytes = isLong ? 5_000 : 200;
  await task(client, "make", { commandLine: `/bin/sh -c 'head -c ${megabytes}M /dev/zero >${file}'` });
  const { pid, made } = await findNode(client, server.dataDirectory);
  const before = peakResidentMegabytes(pid);

  const outputFile = {
    filePattern: file,
    destination: { container: { containerUrl: await urlOf(), path: "agent" } },
    uploadOptions: { uploadCondition: "tasksuccess" },
  };
  const outSeconds = await task(client, "out", { outputFiles: [outputFile] });
  const curlOutSeconds = await curl(["-T", made, "-H", "x-ms-blob-type: BlockBlob", await urlOf("curl")]);
  const isWhole = `/bin/sh -c 'test $(stat -c %s big) = ${megabytes * 1024 ** 2}'`;
  const resourceFiles = [{ httpUrl: await urlOf("agent"), filePath: "big" }];
  const inSeconds = await task(client, "in", { commandLine: isWhole, resourceFiles });
  const peak = peakResidentMegabytes(pid);
  const copy = join(server.dataDirectory, "copy");
  const curlInSeconds = await curl(["-o", copy, await urlOf("agent")]);
  await rm(copy);
  client.close();
  const rate = (name: string, time: number) => ({ scenario, name, value: megabytes / time, unit: "MB/s" });
  return [
    rate(`${megabytes} MB out through the agent`, outSeconds),
    rate("the same with curl", curlOutSeconds),
    rate(`${megabytes} MB in through the agent`, inSeconds),
    rate("the same with curl", curlInSeconds),
    { scenario, name: "the agent's memory before, at most", value: before, unit: "MB" },
    { scenario, name: "the agent's memory with all of that, at most", value: peak, unit: "MB" },
  ];
}

/** The process of the only node's agent, and where the file lies that was made there. */
async function findNode(client: RawClient, dataDirectory: string): Promise<{ pid: number; made: string }> {
  const { value } = await client.call<{ value: { id: string }[] }>("GET", "/pools/pool/nodes");
  const home = join(dataDirectory, "nodes", value[0]?.id ?? "");
  const { pid } = JSON.parse(await readFile(join(home, "agent.json"), "utf8"));
  return { pid: Number(pid), made: join(home, "root/shared/big") };
}

/** Seconds that curl takes. */
function curl(args: readonly string[]): Promise<number> {
  return seconds(async () => {
    const [code] = await once(
      spawn("curl", ["--fail", "--silent", "--show-error", ...args], { stdio: "inherit" }),
      "exit",
    );
    if (code !== 0) throw new Error(`curl ended with ${code}`);
  });
}

/** Gives signed URLs of the container, or of a blob in it. */
async function openContainer(connectionString: string): Promise<(blob?: string) => Promise<string>> {
  const account = parseConnectionString(connectionString);
  await createContainer(account, container);
  const expiresOn = new Date(Date.now() + 24 * 3600 * 1000);
  return (blob) =>
    signUrl(account, { container, permissions: "rcw", expiresOn, ...(blob === undefined ? {} : { blob }) });
}

/** Runs a task of a job of its own; gives the seconds from adding it to its end. */
async function task(client: RawClient, id: string, body: object): Promise<number> {
  await addJob(client, id, "pool");
  return seconds(async () => {
    await client.call("POST", `/jobs/${id}/tasks`, { id, commandLine: "/bin/true", ...body });
    await whenCompleted(client, id, 1);
  });
}
