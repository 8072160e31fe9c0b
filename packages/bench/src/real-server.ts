import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startServerProcess } from "@kyanite/testkit/server-process";
import type { Account } from "./client.ts";

export interface BenchServer extends AsyncDisposable {
  readonly account: Account;
  readonly pid: number;
  readonly dataDirectory: string;
  readonly storageConnectionString: string;
}

/** `kyanite start` as its users have it, on free ports, everything in a temporary directory. */
export async function startRealServer(): Promise<BenchServer> {
  const directory = await mkdtemp(join(tmpdir(), "kyanite-bench-"));
  await chmod(directory, 0o711);
  const dataDirectory = join(directory, "data");
  const flags = ["--data-dir", dataDirectory, "--http-port", "0", "--https-port", "0", "--log-level", "warn"];
  const server = await startServerProcess(flags);
  const { account, accountKey, batchUrl, pid, storageConnectionString } = server.endpoints;
  return {
    account: { url: batchUrl, name: account, key: accountKey },
    pid,
    dataDirectory,
    storageConnectionString,
    async [Symbol.asyncDispose]() {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
