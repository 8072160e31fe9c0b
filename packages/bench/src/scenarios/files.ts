import { BatchServiceClient, BatchSharedKeyCredentials } from "@azure/batch";
import { rawClient } from "../client.ts";
import type { Figure } from "../figures.ts";
import { startRealServer } from "../real-server.ts";
import { residentMegabytes } from "../usage.ts";
import { addJob, addPool, seconds, whenCompleted } from "../work.ts";

const scenario = "files";

/** A large file of a node through the service, which must not keep it. */
export async function files({ isLong }: { isLong: boolean }): Promise<Figure[]> {
  await using server = await startRealServer();
  const { account, pid } = server;
  const client = rawClient(account, 4);
  await addPool(client, "pool", 1, 1);
  await addJob(client, "job", "pool");
  const megabytes = isLong ? 1_024 : 200;
  const commandLine = `/bin/sh -c 'head -c ${megabytes}M /dev/zero >big; echo small'`;
  await client.call("POST", "/jobs/job/tasks", { id: "big", commandLine });
  await whenCompleted(client, "job", 1);
  const official = new BatchServiceClient(new BatchSharedKeyCredentials(account.name, account.key), account.url);
  const before = residentMegabytes(pid);
  let most = before;
  const time = await seconds(async () => {
    const { readableStreamBody } = await official.file.getFromTask("job", "big", "wd/big");
    for await (const _ of readableStreamBody ?? []) most = Math.max(most, residentMegabytes(pid));
  });
  const ranges = 50;
  const small = await seconds(async () => {
    for (let n = 0; n < ranges; n++)
      for await (const _ of (await official.file.getFromTask("job", "big", "stdout.txt")).readableStreamBody ?? []);
  });
  client.close();
  return [
    { scenario, name: `${megabytes} MB from a node through the service`, value: megabytes / time, unit: "MB/s" },
    { scenario, name: "memory that it takes the server meanwhile", value: most - before, unit: "MB" },
    { scenario, name: "stdout.txt of a task, one request", value: (1000 * small) / ranges, unit: "ms" },
  ];
}
