import { createHash, randomBytes } from "node:crypto";
import type { CreateOutcome, NodeRequest, Provider } from "@kyanite/providers";
import type { Clock, Log } from "@kyanite/runtime";
import { findVmSize } from "../domain/catalogue/vm-sizes.ts";
import type { NodeToMake, NodeToStart } from "../domain/node/provided-nodes.ts";
import { mostStartFailures } from "../domain/pool/resize.ts";
import { type Database, isDatabaseAway } from "../store/database.ts";
import { readNodeSpecs, saveStarts, saveTokens } from "../store/node-provision.ts";
import { inTime } from "./patiently.ts";

interface Parts {
  readonly database: Database;
  readonly provider: Provider;
  readonly clock: Clock;
  readonly log: Log;
}

/** Asks for nodes that are not being asked for yet; tells whether others can be asked for at once. */
export type AskForNodes = (nodes: readonly NodeToStart[]) => Promise<boolean>;

/**
 * Asks a provider for nodes, for `most` at a time. Its answer is waited for a second at most: a slow one is taken when it
 * comes, and must not hold up all that a round does else.
 */
export function askForNodes(parts: Parts, most: number): AskForNodes {
  const asked = new Set<string>();
  const ask = async (nodes: readonly NodeToStart[]) => {
    for (const { id } of nodes) asked.add(id);
    try {
      await startNodes(parts, nodes);
    } catch (cause) {
      if (!isDatabaseAway(cause)) parts.log.error("nodes not asked for", { cause });
    } finally {
      for (const { id } of nodes) asked.delete(id);
    }
  };
  return async (nodes) => {
    const others = nodes.filter(({ id }) => !asked.has(id));
    const next = others.slice(0, Math.max(0, most - asked.size));
    if (next.length > 0) await inTime(ask(next), parts.clock);
    return asked.size < most && others.slice(next.length).some(isWorthAsking);
  };
}

/** Others wait until the loop comes round by itself. */
const isWorthAsking = ({ startFailures }: NodeToStart) => startFailures < mostStartFailures;

/** A node that could not be started is asked for again in a later round. */
async function startNodes({ database, provider, log }: Parts, nodes: readonly NodeToStart[]): Promise<void> {
  // What has become of what was asked before counts now, lest a node that waits for its turn fails again each second.
  await saveStarts(
    database,
    nodes.flatMap(({ id, failure }) => (failure === undefined ? [] : [{ nodeId: id, reason: failure }])),
  );
  const specs = await readNodeSpecs(
    database,
    nodes.map(({ pk }) => pk),
  );
  const requests = specs.map(requestFor);
  await saveTokens(
    database,
    requests.map(({ nodeId, token }) => ({ id: nodeId, tokenHash: createHash("sha256").update(token).digest("hex") })),
  );
  const outcomes = await provider.create(requests).catch((cause: unknown) => requests.map(failureOf(cause)));
  await saveStarts(database, outcomes.filter(isDecided));
  for (const { kind, ...facts } of outcomes) {
    if (kind === "failed") log.warn("node not started", facts);
    if (kind === "pending") log.info("node pending", facts);
  }
}

function requestFor({ id, isDedicated, metadata, ...spec }: NodeToMake): NodeRequest {
  return {
    nodeId: id,
    token: randomBytes(32).toString("base64url"),
    spec: {
      ...spec,
      memoryBytes: (findVmSize(spec.vmSize)?.memoryGiB ?? 0) * 2 ** 30,
      kind: isDedicated ? "dedicated" : "lowPriority",
      poolMetadata: Object.fromEntries(metadata.map(({ name, value }) => [name, value])),
    },
  };
}

const failureOf =
  (cause: unknown) =>
  ({ nodeId }: NodeRequest): CreateOutcome => ({ kind: "failed", nodeId, reason: String(cause) });

/** What becomes of the others is still to be told. */
const isDecided = ({ kind }: CreateOutcome) => kind !== "pending";
