import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { DatabaseAddress } from "@kyanite/service";
import { startServerProcess } from "@kyanite/testkit/server-process";
import type { Account } from "./client.ts";
import type { TemporaryDirectory } from "./temporary-directory.ts";

export interface RealServer extends AsyncDisposable {
  readonly account: Account;
  readonly pid: number;
  readonly dataDirectory: string;
  readonly storageConnectionString: string;
  /** The database that comes along. */
  readonly database: DatabaseAddress;
  /** Of each local node. */
  nodeDirectories(): Promise<readonly string[]>;
  /** Of the agent that serves them all. */
  agentPid(): Promise<number>;
}

/** `kyanite start` as its users have it, on free ports; a directory that has been used before is gone on with. */
export async function startRealServer({ path }: TemporaryDirectory, more: readonly string[] = []): Promise<RealServer> {
  const dataDirectory = join(path, "data");
  const flags = ["--data-dir", dataDirectory, "--http-port", "0", "--https-port", "0", "--log-level", "warn", ...more];
  const server = await startServerProcess(flags, { detached: true });
  const { account, accountKey, batchUrl, pid, storageConnectionString } = server.endpoints;
  return {
    account: { url: batchUrl, name: account, key: accountKey },
    pid,
    dataDirectory,
    storageConnectionString,
    database: {
      host: join(dataDirectory, "postgres"),
      user: "kyanite",
      password: (await readFile(join(dataDirectory, "postgres-password"), "utf8")).trim(),
      database: "kyanite",
    },
    nodeDirectories: async () => {
      const entries = await readdir(join(dataDirectory, "nodes"), { withFileTypes: true });
      const nodes = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith("."));
      return nodes.map(({ name }) => join(dataDirectory, "nodes", name));
    },
    agentPid: async () => {
      const record = await readFile(join(dataDirectory, "nodes/.hosts/1/agent.json"), "utf8");
      return Number(JSON.parse(record).pid);
    },
    [Symbol.asyncDispose]: async () => {
      await server.stop();
    },
  };
}
