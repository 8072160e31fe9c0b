import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type ProcessRecord, readRunningProcess } from "@kyanite/runtime";

/** The agent that serves a local node; undefined while none does. */
export async function agentOfNode(nodesDirectory: string, nodeId: string): Promise<ProcessRecord | undefined> {
  const hosts = join(nodesDirectory, ".hosts");
  for (const name of await readdir(hosts)) {
    const wanted = JSON.parse(await readFile(join(hosts, name, "wanted.json"), "utf8"));
    if (nodeId in wanted) return readRunningProcess(join(hosts, name, "agent.json"));
  }
  return undefined;
}
