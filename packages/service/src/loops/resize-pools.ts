import { createHash, randomBytes } from "node:crypto";
import type { Provider } from "@kyanite/providers";
import type { Clock, Log } from "@kyanite/runtime";
import type { AllocationLimits } from "../domain/allocation.ts";
import { differenceOf, type NodeToProvide } from "../domain/provided-nodes.ts";
import { mostStartFailures } from "../domain/resize.ts";
import { after } from "../domain/time.ts";
import { advancePools, forgetNodes, settleRetention } from "../lifecycle/pool-nodes.ts";
import type { Database } from "../store/database.ts";
import { readNodesToProvide, recreatePreempted, saveStarts, saveTokens } from "../store/node-provision.ts";
import type { Loop } from "./loop.ts";
import { patiently } from "./patiently.ts";

export interface ResizeOptions {
  readonly limits: AllocationLimits;
  /** How many nodes are asked for in one round; pools are looked at again after that. */
  readonly startsPerRound: number;
  /** How long a preempted node stays away. */
  readonly preemptionSeconds: number;
}

interface Parts {
  readonly database: Database;
  readonly provider: Provider;
  readonly clock: Clock;
  readonly log: Log;
}

interface Means extends Omit<Parts, "clock"> {
  /** Tells which nodes have not gone yet. */
  readonly removeNodes: (nodeIds: readonly string[]) => Promise<ReadonlySet<string>>;
}

/** Makes the nodes of every pool what they should be, in the database and at the provider. */
export function resizePools({ database, provider, clock, log }: Parts, options: ResizeOptions): Loop {
  const removeNodes = patiently((nodeId) => provider.remove([nodeId]), clock);
  return {
    name: "resize-pools",
    everySeconds: 1,
    notice: "pools",
    round: async (now) => {
      await advancePools(database, options.limits, now);
      const outcome = await matchProvider({ database, provider, log, removeNodes }, options, now);
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
  means: Means,
  { startsPerRound, preemptionSeconds }: ResizeOptions,
  now: Date,
): Promise<{ hasGone: boolean; hasMore: boolean }> {
  const { database, provider } = means;
  const nodes = await readNodesToProvide(database);
  const { start, going, remove, retaining } = differenceOf(nodes, await provider.list(), now);
  await settleRetention(database, retaining, now);
  const remaining = await means.removeNodes(remove);
  const gone = going.filter(({ id }) => !remaining.has(id)).map(({ pk }) => pk);
  await forgetNodes(database, gone, now);
  const preempted = nodes.filter(({ state }) => state === "preempted").map(({ pk }) => pk);
  await recreatePreempted(database, preempted, after(now, -preemptionSeconds), now);
  await startNodes(means, start.slice(0, startsPerRound));
  return { hasGone: gone.length > 0, hasMore: start.slice(startsPerRound).some(isWorthAsking) };
}

/** Others wait until the loop comes round by itself. */
function isWorthAsking({ startFailures }: NodeToProvide): boolean {
  return startFailures < mostStartFailures;
}

/** A node that could not be started is asked for again in the next round. */
async function startNodes({ database, provider, log }: Means, nodes: readonly NodeToProvide[]): Promise<void> {
  if (nodes.length === 0) return;
  const requests = nodes.map(({ id }) => ({ nodeId: id, token: randomBytes(32).toString("base64url") }));
  await saveTokens(
    database,
    requests.map(({ nodeId, token }) => ({ id: nodeId, tokenHash: createHash("sha256").update(token).digest("hex") })),
  );
  const outcomes = await provider.create(requests);
  await saveStarts(
    database,
    outcomes.map((outcome) =>
      outcome.kind === "failed" ? { nodeId: outcome.nodeId, reason: outcome.reason } : { nodeId: outcome.nodeId },
    ),
  );
  for (const outcome of outcomes)
    if (outcome.kind === "failed") log.warn("node not started", { nodeId: outcome.nodeId, reason: outcome.reason });
}
