import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { DatabaseAddress } from "@kyanite/service";
import { startServerProcess } from "@kyanite/testkit/server-process";
import type { Account } from "./client.ts";
import type { TemporaryDirectory } from "./temporary-directory.ts";

export interface RealServer extends AsyncDisposable {
  readonly account: Account;
  readonly pid: number;
  readonly storageConnectionString: string;
  /** The database that comes along. */
  readonly database: DatabaseAddress;
  /** The agents of its local nodes, and the directory of each. */
  agents(): Promise<readonly { readonly pid: number; readonly directory: string }[]>;
}

/** `kyanite start` as its users have it, on free ports; a directory that has been used before is gone on with. */
export async function startRealServer({ path }: TemporaryDirectory): Promise<RealServer> {
  const dataDirectory = join(path, "data");
  const flags = ["--data-dir", dataDirectory, "--http-port", "0", "--https-port", "0", "--log-level", "warn"];
  const server = await startServerProcess(flags, { detached: true });
  const { account, accountKey, batchUrl, pid, storageConnectionString } = server.endpoints;
  return {
    account: { url: batchUrl, name: account, key: accountKey },
    pid,
    storageConnectionString,
    database: {
      host: join(dataDirectory, "postgres"),
      user: "kyanite",
      password: (await readFile(join(dataDirectory, "postgres-password"), "utf8")).trim(),
      database: "kyanite",
    },
    agents: async () => {
      const entries = await readdir(join(dataDirectory, "nodes"), { withFileTypes: true });
      const nodes = entries.filter((entry) => entry.isDirectory());
      return Promise.all(nodes.map(({ name }) => readAgent(join(dataDirectory, "nodes", name))));
    },
    [Symbol.asyncDispose]: async () => {
      await server.stop();
    },
  };
}

async function readAgent(directory: string) {
  const { pid } = JSON.parse(await readFile(join(directory, "agent.json"), "utf8"));
  return { pid: Number(pid), directory };
}
