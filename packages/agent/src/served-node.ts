import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { AgentReport } from "@kyanite/contract";
import {
  type Clock,
  type ControlGroupPlaces,
  createLog,
  type Log,
  parseIdRange,
  processesWithVariable,
  signalProcess,
} from "@kyanite/runtime";
import { removeAccounts } from "./accounts.ts";
import { forgetBoot } from "./boot.ts";
import { openCgroups } from "./cgroups.ts";
import { ComputeNode } from "./compute-node.ts";
import type { HostConfig } from "./config.ts";
import type { MachineContainers } from "./containers/machine-containers.ts";
import { endContainers, removeContainers } from "./containers/node-containers.ts";
import { trustedMounts } from "./containers/trusted-mounts.ts";
import { openParts, removeTraces } from "./node-parts.ts";
import type { ServiceAddress } from "./service-address.ts";
import { endNodeProcess, type KnownWalls } from "./walls/walls.ts";

/** A node that a host serves. */
export interface ServedNode {
  readonly nodeId: string;
  readonly root: string;
  readonly node: ComputeNode;
  readonly log: Log;
  /** The service does not know it any more. */
  isDismissed: boolean;
  /** With which it shows who it is. */
  headers(): Readonly<Record<string, string>>;
  send(report: AgentReport): void;
  /** Does ahead what its first run would have to wait for. */
  prepare(): Promise<void>;
  removeTraces(): Promise<void>;
}

export interface ServingMeans {
  readonly config: HostConfig;
  readonly clock: Clock;
  /** Where control groups can be made. */
  readonly places: ControlGroupPlaces;
  /** Of the walls of the host's nodes. */
  readonly known: KnownWalls;
  readonly machine: MachineContainers;
  readonly address: ServiceAddress;
  readonly leaving: AbortSignal;
  ownAddress(): string;
  send(report: AgentReport): void;
}

interface NodePlaces {
  readonly home: string;
  readonly root: string;
  readonly tokenFile: string;
  readonly logFile: string;
}

/** Where a node is on its machine. Whoever has started the host puts the node's token there. */
export function placesOfNode({ nodesDirectory }: HostConfig, nodeId: string): NodePlaces {
  const home = join(nodesDirectory, nodeId);
  return { home, root: join(home, "root"), tokenFile: join(home, "token"), logFile: join(home, "agent.log") };
}

const noUsers = "1800000-1800255";

/** Opens a node, goes on with what runs on it, or begins anew. */
export async function openServedNode(
  nodeId: string,
  userIds: string | undefined,
  means: ServingMeans,
): Promise<ServedNode> {
  const { config, send } = means;
  const { home, root, tokenFile, logFile } = placesOfNode(config, nodeId);
  await mkdir(home, { recursive: true });
  const log = createLog(config.logLevel, logFile);
  const ids = parseIdRange(userIds ?? noUsers) ?? { first: 0, last: 0 };
  const nodeConfig = { ...config, nodeId, root, logFile, userIds: ids };
  // It may be another one from now on: whoever asks for a node that has ended gives it a new one.
  const token = () => readFileSync(tokenFile, "utf8").trim();
  const headers = () => ({ authorization: `Bearer ${token()}`, "x-kyanite-node": nodeId });
  const parts = await openParts(nodeConfig, { ...means, log });
  const node = new ComputeNode({ ...means, config: nodeConfig, parts, token, headers });
  return {
    nodeId,
    root,
    node,
    log,
    isDismissed: false,
    headers,
    send,
    removeTraces: () => removeTraces(root),
    prepare: () => parts.walls.ready().catch((cause: unknown) => log.warn("walls not built", { cause })),
  };
}

/** Ends what a former agent has left of a node that nobody serves any more. */
export async function cleanNode(
  { home, root }: Pick<NodePlaces, "home" | "root">,
  { clock, machine }: Pick<ServingMeans, "clock" | "machine">,
  { isRemoved }: { readonly isRemoved: boolean },
): Promise<void> {
  await mkdir(home, { recursive: true });
  await (isRemoved ? removeContainers : endContainers)(root, machine, trustedMounts(home, root));
  await endNodeProcess(home, clock);
  await openCgroups(root, clock).clear();
  for (const name of ["KYANITE_NODE_ROOT", "AZ_BATCH_NODE_ROOT_DIR"])
    for (const left of processesWithVariable(name, root)) signalProcess(left, "SIGKILL");
  if (isRemoved) await removeAccounts(home);
  await forgetBoot(home);
}
