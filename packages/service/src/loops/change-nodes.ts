import type { Provider } from "@kyanite/providers";
import type { Log } from "@kyanite/runtime";
import { after } from "../domain/time.ts";
import { actOnNodes, healNodes } from "../lifecycle/node-actions.ts";
import { expireUsers } from "../lifecycle/node-users.ts";
import type { Database } from "../store/database.ts";
import { readNodesToHalt, releaseNodes, saveRestarts } from "../store/nodes.ts";
import type { Loop } from "./loop.ts";

interface ChangeOptions {
  readonly provider: Provider;
  readonly log: Log;
  /** How long a node may be out of reach before its provider restarts it. */
  readonly recoverySeconds: number;
}

/** Lets nodes do what they waited to do, and has their provider end those that are released or do not answer. */
export function changeNodes(database: Database, { provider, log, recoverySeconds }: ChangeOptions): Loop {
  return {
    name: "change-nodes",
    everySeconds: 2,
    notice: "nodes",
    round: async (now) => {
      await expireUsers(database, now);
      await actOnNodes(database, now);
      for (const { id } of await healNodes(database, after(now, -recoverySeconds), now))
        log.warn("node is restarted", { nodeId: id });
      await haltNodes(database, provider, now);
      return false;
    },
  };
}

/** A node that is set up anew loses its files, the others keep them; all but released ones are made again at once. */
async function haltNodes(database: Database, provider: Provider, now: Date): Promise<void> {
  const nodes = await readNodesToHalt(database);
  if (nodes.length === 0) return;
  const idsIn = (...states: readonly string[]) =>
    nodes.filter(({ state }) => states.includes(state)).map(({ id }) => id);
  await Promise.all([provider.halt(idsIn("deallocating", "rebooting")), provider.remove(idsIn("reimaging"))]);
  await releaseNodes(database, idsIn("deallocating"), now);
  await saveRestarts(database, idsIn("rebooting", "reimaging"));
}
