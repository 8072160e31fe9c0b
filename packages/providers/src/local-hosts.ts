import { access, chmod, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type Clock,
  hasErrorCode,
  type Log,
  type LogLevel,
  processesWithVariable,
  signalProcess,
  writeFileAtomically,
} from "@kyanite/runtime";
import { HostProcess } from "./host-process.ts";
import type { NodeUsers } from "./node-users.ts";
import type { CreateOutcome, NodeRequest, ProvidedNode, Provider } from "./provider.ts";
import { newTrash } from "./trash.ts";
import { takeTurns } from "./turns.ts";

export interface LocalHostsOptions {
  /** Holds a directory for each node. When we are root, everybody may pass through, since tasks have other users. */
  readonly directory: string;
  /** Program and arguments that run an agent, such as `["/usr/bin/node", "/…/agent/dist/main.js"]`. */
  readonly agentCommand: readonly [string, ...string[]];
  readonly serviceUrl: string;
  readonly agentLogLevel: LogLevel;
  /** What agents inherit; must hold no secret of the service. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What tasks do not see of this machine, apart from their own node: where the server keeps everything. */
  readonly hidden: string;
  /** Gives the nodes' users their ids; undefined when we are not root, and so cannot have other users. */
  readonly users: NodeUsers | undefined;
  /** How many nodes one agent serves, before another is started; all of them unless given. */
  readonly nodesPerHost?: number;
  readonly clock: Clock;
  readonly log: Log;
}

const startMilliseconds = 10_000;
/** Longer than an agent goes on with what is being read; whoever removes a node takes that time. */
const endMilliseconds = 30_000;

/** The nodes of this machine: one agent process serves them all, and each has a directory of its own. */
export async function localHosts(options: LocalHostsOptions): Promise<Provider> {
  const { directory, users, log } = options;
  await mkdir(directory, { recursive: true });
  await chmod(directory, 0o711);
  // Agents that an earlier service has started find this one by it.
  await writeFileAtomically(serviceUrlFile(options), options.serviceUrl);
  const trash = await newTrash(directory, log);
  const hosts = await recallHosts(options);
  const turns = takeTurns();
  const state = { isStopped: false };
  const hostOf = (nodeId: string) => hosts.find((host) => host.has(nodeId));
  const hostWithRoom = () => {
    const found = hosts.find((host) => host.size < (options.nodesPerHost ?? Number.POSITIVE_INFINITY));
    if (found) return found;
    const added = newHost(options, hosts.length + 1);
    hosts.push(added);
    return added;
  };
  const create = async (node: NodeRequest): Promise<CreateOutcome> => {
    const { nodeId } = node;
    if (state.isStopped) return { kind: "failed", nodeId, reason: "the provider is stopping" };
    try {
      const host = hostOf(nodeId) ?? hostWithRoom().claim(nodeId);
      if (await host.isServed(nodeId)) return { kind: "started", nodeId };
      const userIds = await prepareHome(node, options);
      const reason = await host.ask(nodeId, { state: "running", ...userIds }, startMilliseconds);
      return reason === undefined ? { kind: "started", nodeId } : { kind: "failed", nodeId, reason };
    } catch (error) {
      return { kind: "failed", nodeId, reason: error instanceof Error ? error.message : String(error) };
    }
  };
  const end = async (nodeId: string, wish: "halted" | "removed") => {
    if (!(await exists(homeOf(nodeId, options)))) return;
    const host = hostOf(nodeId) ?? hostWithRoom().claim(nodeId);
    const reason = await host.ask(nodeId, { state: wish }, endMilliseconds);
    if (reason !== undefined) throw new Error(`${nodeId} is not ${wish}: ${reason}`);
    await host.forget(nodeId);
  };
  const remove = async (nodeId: string) => {
    await end(nodeId, "removed");
    await users?.release(homeOf(nodeId, options));
    await trash.discard(homeOf(nodeId, options));
  };
  const all = (nodeIds: readonly string[], act: (nodeId: string) => Promise<void>) =>
    Promise.all(nodeIds.map((nodeId) => turns.take(nodeId, () => act(nodeId))));
  return {
    create: (nodes) => Promise.all(nodes.map((node) => turns.take(node.nodeId, () => create(node)))),
    remove: async (nodeIds) => void (await all(nodeIds, remove)),
    halt: async (nodeIds) => void (await all(nodeIds, (nodeId) => end(nodeId, "halted"))),
    list: () => listNodes(options, hostOf),
    stop: async () => {
      state.isStopped = true;
      await turns.settle();
      const outcomes = await Promise.all(hosts.map((host) => host.stop()));
      if (outcomes.some((outcome) => outcome !== "ended")) await endLeft(options);
      await trash.settle();
    },
  };
}

/** Cannot be the names of nodes. */
const serviceUrlFile = ({ directory }: LocalHostsOptions) => join(directory, ".service-url");
const hostsDirectory = ({ directory }: LocalHostsOptions) => join(directory, ".hosts");

const nodeIdPattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;

function homeOf(nodeId: string, { directory }: LocalHostsOptions): string {
  if (!nodeIdPattern.test(nodeId)) throw new Error(`${JSON.stringify(nodeId)} cannot be the name of a directory`);
  return join(directory, nodeId);
}

async function recallHosts(options: LocalHostsOptions): Promise<HostProcess[]> {
  await mkdir(hostsDirectory(options), { recursive: true, mode: 0o700 });
  const count = Math.max(1, ...(await readdir(hostsDirectory(options))).map(Number).filter(Number.isInteger));
  const hosts = Array.from({ length: count }, (_, index) => newHost(options, index + 1));
  await Promise.all(hosts.map((host) => host.recall()));
  return hosts;
}

function newHost(options: LocalHostsOptions, number: number): HostProcess {
  const { agentCommand: command, clock, log } = options;
  const directory = join(hostsDirectory(options), String(number));
  const environment = {
    ...options.environment,
    KYANITE_AGENT_SERVICE_URL: options.serviceUrl,
    KYANITE_AGENT_SERVICE_URL_FILE: serviceUrlFile(options),
    KYANITE_AGENT_DIRECTORY: directory,
    KYANITE_AGENT_NODES: options.directory,
    KYANITE_AGENT_HIDDEN: options.hidden,
    KYANITE_AGENT_LOG_LEVEL: options.agentLogLevel,
  };
  return new HostProcess({ directory, command, environment, clock, log });
}

/** @returns the ids of the node's users */
async function prepareHome(
  { nodeId, token }: NodeRequest,
  options: LocalHostsOptions,
): Promise<{ readonly userIds?: string }> {
  const home = homeOf(nodeId, options);
  await mkdir(home, { recursive: true });
  await chmod(home, 0o711);
  // Should the machine lose power now, the node gets another token.
  await writeFile(join(home, "token.new"), token, { mode: 0o600 });
  await rename(join(home, "token.new"), join(home, "token"));
  const ids = await options.users?.claim(home);
  return ids ? { userIds: `${ids.first}-${ids.last}` } : {};
}

/** An agent that had to be killed may have left processes, of nodes that are to begin anew. */
async function endLeft(options: LocalHostsOptions): Promise<void> {
  for (const nodeId of await nodeIdsIn(options)) {
    const home = homeOf(nodeId, options);
    // The process that holds a node's walls comes first: with it ends everything inside.
    for (const name of ["KYANITE_NODE_ROOT", "AZ_BATCH_NODE_ROOT_DIR"])
      for (const left of processesWithVariable(name, join(home, "root"))) {
        signalProcess(left, "SIGKILL");
        options.log.warn("process outlived its agent", { pid: left.pid });
      }
    await rm(join(home, "boot.json"), { force: true });
  }
}

const nodeIdsIn = async ({ directory }: LocalHostsOptions) =>
  (await readdir(directory)).filter((name) => nodeIdPattern.test(name));

async function listNodes(
  options: LocalHostsOptions,
  hostOf: (nodeId: string) => HostProcess | undefined,
): Promise<readonly ProvidedNode[]> {
  return Promise.all(
    (await nodeIdsIn(options)).map(async (nodeId) => {
      const isServed = await hostOf(nodeId)?.isServed(nodeId);
      return { nodeId, state: isServed ? "running" : "ended" } as const;
    }),
  );
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    (error: unknown) => {
      if (hasErrorCode(error, "ENOENT")) return false;
      throw error;
    },
  );
}
