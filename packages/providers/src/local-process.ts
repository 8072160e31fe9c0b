import { execFile } from "node:child_process";
import { access, chmod, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  type Clock,
  hasErrorCode,
  isRunning,
  type Log,
  type LogLevel,
  type ProcessRecord,
  processesWithVariable,
  readRunningProcess,
  signalProcess,
  startBackgroundProcess,
  stopProcessGroup,
  waitUntil,
  writeFileAtomically,
} from "@kyanite/runtime";
import { limitTo } from "./limit.ts";
import type { CreateOutcome, NodeRequest, ProvidedNode, Provider } from "./provider.ts";
import { newTrash, type Trash } from "./trash.ts";
import { takeTurns } from "./turns.ts";

export interface LocalProcessOptions {
  /** Holds a directory for each node. When we are root, everybody may pass through, since tasks have other users. */
  readonly directory: string;
  /**
   * Program and arguments that run an agent, such as `["/usr/bin/node", "/…/agent/dist/main.js"]`. With one more
   * argument, `clean`, it removes what an agent that was killed has left on the machine, and ends.
   */
  readonly agentCommand: readonly [string, ...string[]];
  readonly serviceUrl: string;
  readonly agentLogLevel: LogLevel;
  /** What agents inherit; must hold no secret of the service. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** How many agents may be starting at the same time. */
  readonly startsAtOnce: number;
  readonly clock: Clock;
  readonly log: Log;
}

interface Places {
  readonly home: string;
  /** Made by the agent itself, which shows that it is up. */
  readonly root: string;
  readonly tokenFile: string;
  readonly recordFile: string;
  readonly logFile: string;
  /** There while the node has users on this machine: they have to go with it. */
  readonly accountsFile: string;
}

const startMilliseconds = 5_000;
/** Longer than an agent takes to end its tasks. */
const stopMilliseconds = 10_000;
const stopsAtOnce = 64;
const cleanMilliseconds = 60_000;

/** Each node is an agent process on this machine, in a process group of its own, with its own root directory. */
export async function localProcess(options: LocalProcessOptions): Promise<Provider> {
  await mkdir(options.directory, { recursive: true });
  await chmod(options.directory, 0o711);
  // Agents that an earlier service has started find this one by it.
  await writeFileAtomically(serviceUrlFile(options), options.serviceUrl);
  const trash = await newTrash(options.directory, options.log);
  const stopped = { now: false };
  const starting = limitTo(options.startsAtOnce);
  const stopping = limitTo(stopsAtOnce);
  const turns = takeTurns();
  const create = (node: NodeRequest) =>
    starting(() => (stopped.now ? refuse(node, "the provider is stopping") : createNode(node, options)));
  const remove = (nodeId: string) => stopping(() => removeNode(nodeId, options, trash));
  const end = (nodeId: string) => stopping(async () => void (await endNode(placesOf(nodeId, options), options)));
  return {
    create: (nodes) => Promise.all(nodes.map((node) => turns.take(node.nodeId, () => create(node)))),
    remove: async (nodeIds) => {
      await Promise.all(nodeIds.map((nodeId) => turns.take(nodeId, () => remove(nodeId))));
    },
    halt: async (nodeIds) => {
      await Promise.all(nodeIds.map((nodeId) => turns.take(nodeId, () => end(nodeId))));
    },
    list: () => listNodes(options),
    stop: async () => {
      stopped.now = true;
      await turns.settle();
      await Promise.all((await listNodes(options)).map(({ nodeId }) => end(nodeId)));
      await trash.settle();
    },
  };
}

async function refuse({ nodeId }: NodeRequest, reason: string): Promise<CreateOutcome> {
  return { kind: "failed", nodeId, reason };
}

/** Cannot be the name of a node. */
const serviceUrlFile = ({ directory }: LocalProcessOptions) => join(directory, ".service-url");

const nodeIdPattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;

function placesOf(nodeId: string, { directory }: LocalProcessOptions): Places {
  if (!nodeIdPattern.test(nodeId)) throw new Error(`${JSON.stringify(nodeId)} cannot be the name of a directory`);
  const home = join(directory, nodeId);
  return {
    home,
    root: join(home, "root"),
    tokenFile: join(home, "token"),
    recordFile: join(home, "agent.json"),
    logFile: join(home, "agent.log"),
    accountsFile: join(home, "accounts.json"),
  };
}

async function createNode(node: NodeRequest, options: LocalProcessOptions): Promise<CreateOutcome> {
  const { nodeId } = node;
  try {
    const places = placesOf(nodeId, options);
    if (await readRunningProcess(places.recordFile)) return { kind: "started", nodeId };
    const agent = await startAgent(node, places, options);
    return (await becomesReady(places, agent, options))
      ? { kind: "started", nodeId }
      : { kind: "failed", nodeId, reason: `the agent ended while it was starting; its log is ${places.logFile}` };
  } catch (error) {
    return { kind: "failed", nodeId, reason: error instanceof Error ? error.message : String(error) };
  }
}

async function startAgent(
  { nodeId, token }: NodeRequest,
  places: Places,
  options: LocalProcessOptions,
): Promise<ProcessRecord> {
  const [command, ...args] = options.agentCommand;
  await mkdir(places.home, { recursive: true });
  await chmod(places.home, 0o711);
  await writeFileAtomically(places.tokenFile, token);
  return startBackgroundProcess({
    command,
    args,
    env: environmentOf(nodeId, places, options),
    directory: places.home,
    logFile: places.logFile,
    recordFile: places.recordFile,
  });
}

function environmentOf(nodeId: string, places: Places, options: LocalProcessOptions) {
  return {
    ...options.environment,
    KYANITE_AGENT_SERVICE_URL: options.serviceUrl,
    KYANITE_AGENT_SERVICE_URL_FILE: serviceUrlFile(options),
    KYANITE_AGENT_NODE_ID: nodeId,
    KYANITE_AGENT_TOKEN_FILE: places.tokenFile,
    KYANITE_AGENT_ROOT: places.root,
    KYANITE_AGENT_LOG_LEVEL: options.agentLogLevel,
  };
}

/** False when the agent ended instead. One that is only slow counts as ready: the service will hear of it. */
async function becomesReady(places: Places, agent: ProcessRecord, { clock }: LocalProcessOptions): Promise<boolean> {
  const isSettled = async () => (await exists(places.root)) || !isRunning(agent);
  await waitUntil(isSettled, { clock, timeoutMilliseconds: startMilliseconds });
  return isRunning(agent);
}

async function removeNode(nodeId: string, options: LocalProcessOptions, trash: Trash): Promise<void> {
  const places = placesOf(nodeId, options);
  const isInOrder = await endNode(places, options);
  if (!isInOrder || (await exists(places.accountsFile))) await clean(nodeId, places, options);
  await trash.discard(places.home);
}

/** Has an agent's own program take away what the node has on this machine beside its directory, such as users. */
async function clean(nodeId: string, places: Places, options: LocalProcessOptions): Promise<void> {
  if (!(await exists(places.tokenFile))) return;
  const [command, ...args] = options.agentCommand;
  const env = environmentOf(nodeId, places, options);
  const limits = { cwd: options.directory, timeout: cleanMilliseconds, killSignal: "SIGKILL" } as const;
  await promisify(execFile)(command, [...args, "clean"], { env, ...limits }).catch((cause: unknown) =>
    options.log.warn("node not cleaned up", { nodeId, cause }),
  );
}

/**
 * Ends the agent, which ends its tasks; then whatever it could not end, if it was itself killed before.
 * @returns whether the agent has ended in order, with nothing left of it but its directory and its users
 */
async function endNode(places: Places, { clock, log }: LocalProcessOptions): Promise<boolean> {
  const agent = await readRunningProcess(places.recordFile);
  const outcome = agent && (await stopProcessGroup(agent, { clock, graceMilliseconds: stopMilliseconds }));
  // An agent that ends in order leaves no task behind, and looking for what is left means looking at every process.
  const left = outcome === "ended" ? [] : processesWithVariable("AZ_BATCH_NODE_ROOT_DIR", places.root);
  for (const task of left) {
    signalProcess(task, "SIGKILL");
    log.warn("process outlived its agent", { pid: task.pid });
  }
  await rm(places.recordFile, { force: true });
  return outcome === "ended";
}

async function listNodes(options: LocalProcessOptions): Promise<readonly ProvidedNode[]> {
  const nodeIds = (await readdir(options.directory)).filter((name) => nodeIdPattern.test(name));
  return Promise.all(
    nodeIds.map(async (nodeId) => {
      const agent = await readRunningProcess(placesOf(nodeId, options).recordFile);
      return { nodeId, state: agent === undefined ? "ended" : "running" } as const;
    }),
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return false;
    throw error;
  }
}
