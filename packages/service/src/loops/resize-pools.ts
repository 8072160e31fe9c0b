import type { Provider } from "@kyanite/providers";
import type { Clock, Log } from "@kyanite/runtime";
import { differenceOf } from "../domain/node/provided-nodes.ts";
import type { AllocationLimits } from "../domain/pool/allocation.ts";
import { after } from "../domain/time.ts";
import { advancePools, forgetNodes, settleRetention } from "../lifecycle/pool-nodes.ts";
import type { Database } from "../store/database.ts";
import { readNodesToProvide, recreatePreempted, savePendingReasons } from "../store/node-provision.ts";
import type { Loop } from "./loop.ts";
import { patiently } from "./patiently.ts";
import { type AskForNodes, askForNodes } from "./start-nodes.ts";

export interface ResizeOptions {
  readonly limits: AllocationLimits;
  /** How many nodes are asked for at a time; pools are looked at again after that. */
  readonly startsAtOnce: number;
  /** How long a preempted node stays away. */
  readonly preemptionSeconds: number;
}

interface Parts {
  readonly database: Database;
  readonly provider: Provider;
  readonly clock: Clock;
  readonly log: Log;
}

interface RoundParts extends Pick<Parts, "database" | "provider"> {
  readonly askFor: AskForNodes;
  /** Tells which nodes have not gone yet. */
  readonly removeNodes: (nodeIds: readonly string[]) => Promise<ReadonlySet<string>>;
}

/** Makes the nodes of every pool what they should be, in the database and at the provider. */
export function resizePools(parts: Parts, options: ResizeOptions): Loop {
  const { database, provider, clock } = parts;
  const removeNodes = patiently((nodeId) => provider.remove([nodeId]), clock);
  const askFor = askForNodes(parts, options.startsAtOnce);
  return {
    name: "resize-pools",
    everySeconds: 1,
    notice: "pools",
    round: async (now) => {
      await advancePools(database, options.limits, now);
      const outcome = await matchProvider({ database, provider, askFor, removeNodes }, options, now);
      if (outcome.hasGone) await advancePools(database, options.limits, now);
      return outcome.hasMore;
    },
  };
}

/**
 * Makes the provider run the nodes that the database has, and no others. A node whose process is gone is made again
 * under its id; one that is leaving goes when its last task has ended.
 */
async function matchProvider(
  { database, provider, askFor, removeNodes }: RoundParts,
  { preemptionSeconds }: ResizeOptions,
  now: Date,
): Promise<{ hasGone: boolean; hasMore: boolean }> {
  const nodes = await readNodesToProvide(database);
  const { start, going, remove, retaining, reasons } = differenceOf(nodes, await provider.list(), now);
  await savePendingReasons(database, reasons);
  await settleRetention(database, retaining, now);
  const remaining = await removeNodes(remove);
  const gone = going.filter(({ id }) => !remaining.has(id)).map(({ pk }) => pk);
  await forgetNodes(database, gone, now);
  const preempted = nodes.filter(({ state }) => state === "preempted").map(({ pk }) => pk);
  await recreatePreempted(database, preempted, after(now, -preemptionSeconds), now);
  return { hasGone: gone.length > 0, hasMore: await askFor(start) };
}
