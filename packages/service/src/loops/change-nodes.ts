import type { Provider } from "@kyanite/providers";
import type { Clock, Log } from "@kyanite/runtime";
import type { Node } from "../domain/node/node.ts";
import { after } from "../domain/time.ts";
import { actOnNodes, healNodes } from "../lifecycle/node-actions.ts";
import { expireUsers } from "../lifecycle/node-users.ts";
import type { Database } from "../store/database.ts";
import { readNodesToHalt, releaseNodes, saveRestarts } from "../store/nodes.ts";
import type { Loop } from "./loop.ts";
import { patiently } from "./patiently.ts";

interface ChangeOptions {
  readonly provider: Provider;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a node may be out of reach before its provider restarts it. */
  readonly recoverySeconds: number;
}

/** Lets nodes do what they waited to do, and has their provider end those that are released or do not answer. */
export function changeNodes(database: Database, options: ChangeOptions): Loop {
  const { provider, clock, log, recoverySeconds } = options;
  const halt = patiently((nodeId) => provider.halt([nodeId]), clock);
  const remove = patiently((nodeId) => provider.remove([nodeId]), clock);
  return {
    name: "change-nodes",
    everySeconds: 2,
    notice: "nodes",
    round: async (now) => {
      await expireUsers(database, now);
      await actOnNodes(database, now);
      for (const { id } of await healNodes(database, after(now, -recoverySeconds), now))
        log.warn("node is restarted", { nodeId: id });
      await haltNodes(database, { halt, remove }, now);
      return false;
    },
  };
}

type EndNodes = ReturnType<typeof patiently>;

/** A node that is set up anew loses its files, the others keep them; all but released ones are made again at once. */
async function haltNodes(
  database: Database,
  { halt, remove }: { readonly halt: EndNodes; readonly remove: EndNodes },
  now: Date,
): Promise<void> {
  const nodes = await readNodesToHalt(database);
  if (nodes.length === 0) return;
  const idsIn = (state: Node["state"]) => nodes.filter((node) => node.state === state).map(({ id }) => id);
  const [released, rebooting, reimaging] = [idsIn("deallocating"), idsIn("rebooting"), idsIn("reimaging")];
  const remaining = await Promise.all([halt([...released, ...rebooting]), remove(reimaging)]);
  const ended = (nodeIds: readonly string[]) => nodeIds.filter((id) => !remaining.some((each) => each.has(id)));
  await releaseNodes(database, ended(released), now);
  await saveRestarts(database, ended([...rebooting, ...reimaging]));
}
