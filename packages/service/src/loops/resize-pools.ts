import { createHash, randomBytes } from "node:crypto";
import type { Provider } from "@kyanite/providers";
import type { Log } from "@kyanite/runtime";
import type { Node } from "../domain/node.ts";
import { advancePools } from "../lifecycle/pool.ts";
import type { Database } from "../store/database.ts";
import { deleteNodes, readAllNodes, saveTokens } from "../store/nodes.ts";
import type { Loop } from "./loop.ts";

/** Makes the nodes of every pool what they should be, in the database and at the provider. */
export function resizePools(database: Database, provider: Provider, log: Log): Loop {
  return {
    name: "resize-pools",
    everySeconds: 1,
    notice: "pools",
    round: async (now) => {
      await advancePools(database, now);
      const changed = await matchProvider(database, provider, log);
      if (changed) await advancePools(database, now);
      return false;
    },
  };
}

/**
 * Makes the provider run the nodes that the database has, and no others. A node whose process is gone is made again
 * under its id; one that is leaving goes when its last task has ended.
 * @returns whether nodes have gone
 */
async function matchProvider(database: Database, provider: Provider, log: Log): Promise<boolean> {
  const nodes = await readAllNodes(database);
  const provided = await provider.list();
  const running = new Set(provided.filter(({ state }) => state === "running").map(({ nodeId }) => nodeId));
  const going = nodes.filter((node) => node.state === "leavingpool" && node.runningTasks === 0);
  const staying = nodes.filter((node) => !going.includes(node));
  const stayingIds = new Set(staying.map(({ id }) => id));

  await createNodes(
    database,
    provider,
    staying.filter(({ id }) => !running.has(id)),
    log,
  );
  await provider.remove(provided.map(({ nodeId }) => nodeId).filter((id) => !stayingIds.has(id)));
  await deleteNodes(
    database,
    going.map(({ pk }) => pk),
  );
  return going.length > 0;
}

/** A node that could not be started is asked for again in the next round. */
async function createNodes(database: Database, provider: Provider, nodes: readonly Node[], log: Log): Promise<void> {
  if (nodes.length === 0) return;
  const requests = nodes.map(({ id }) => ({ nodeId: id, token: randomBytes(32).toString("base64url") }));
  await saveTokens(
    database,
    requests.map(({ nodeId, token }) => ({ id: nodeId, tokenHash: createHash("sha256").update(token).digest("hex") })),
  );
  for (const outcome of await provider.create(requests))
    if (outcome.kind === "failed") log.warn("node not started", { nodeId: outcome.nodeId, reason: outcome.reason });
}
