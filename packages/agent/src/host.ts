import { setMaxListeners } from "node:events";
import { mkdir } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import type { ServiceOrder } from "@kyanite/contract";
import { aborted, type Clock, findControlGroups, type Log, limitTo } from "@kyanite/runtime";
import { untilAbandoned } from "./abandonment.ts";
import type { HostConfig } from "./config.ts";
import { type MachineContainers, machineContainers } from "./containers/machine-containers.ts";
import { createHeartbeat } from "./heartbeat.ts";
import { openHostKey } from "./host-key.ts";
import { type Credential, type Link, openLink } from "./link.ts";
import { cleanNode, openServedNode, placesOfNode, type ServedNode } from "./served-node.ts";
import { serviceAddress } from "./service-address.ts";
import type { NodeStanding, Standings, WantedNode, WantedNodes } from "./wanted.ts";

export interface HostMeans {
  readonly clock: Clock;
  readonly log: Log;
  /** Hears what has become of the nodes, whenever that has changed. */
  onStandings?(standings: Standings): void;
}

export interface Host {
  /** Makes the nodes be as they are wanted, and goes on with those that a former agent has served. */
  keep(wanted: WantedNodes): void;
  /** Resolves when nothing runs any more: because `stop` was called, or the service never came back. */
  readonly closed: Promise<"stopped" | "abandoned">;
  /** Kills every run without a report and ends the link. */
  stop(): Promise<void>;
}

/** Starts the agent of a host: its nodes take orders from the service, over one link, until it is stopped. */
export async function startHost(config: HostConfig, means: HostMeans): Promise<Host> {
  await mkdir(config.directory, { recursive: true });
  const key = await openHostKey(config.directory);
  const machine = await machineContainers({ ...config, ...config.containers, ...means });
  const host = new RunningHost(config, means, { key, machine });
  await host.start();
  return host;
}

const buildsAtOnce = 4;

interface HostParts {
  readonly key: string;
  readonly machine: MachineContainers;
}

class RunningHost implements Host {
  readonly #config: HostConfig;
  readonly #means: HostMeans;
  readonly #key: string;
  readonly #address;
  readonly #nodes = new Map<string, ServedNode>();
  readonly #standings = new Map<string, NodeStanding>();
  /** One change of a node after the other. */
  readonly #turns = new Map<string, Promise<void>>();
  readonly #leaving = new AbortController();
  readonly #places = findControlGroups();
  readonly #opening;
  /** Walls that nobody waits for yet. */
  readonly #preparing = limitTo(1);
  readonly #machine: MachineContainers;
  readonly #known = { wallsStand: false, build: limitTo(buildsAtOnce) };
  #wanted: WantedNodes = {};
  #hasNode = new AbortController();
  #sampleSeconds = 60;
  #link: Link | undefined;
  #closed: Promise<"stopped" | "abandoned"> | undefined;

  constructor(config: HostConfig, means: HostMeans, { key, machine }: HostParts) {
    this.#config = config;
    this.#means = means;
    this.#key = key;
    // Every answer of every node listens to it.
    setMaxListeners(0, this.#leaving.signal);
    this.#machine = machine;
    this.#opening = limitTo(config.opensAtOnce);
    this.#address = serviceAddress(config);
  }

  get closed(): Promise<"stopped" | "abandoned"> {
    return this.#closed ?? Promise.resolve("stopped");
  }

  async start(): Promise<void> {
    const { clock, log } = this.#means;
    const { signal } = this.#leaving;
    const beat = await createHeartbeat({ clock, log });
    const link = openLink({
      serviceUrl: () => this.#address.find(),
      credential: () => this.#credential(),
      clock,
      log,
      signal,
      onOpen: () => {
        log.info("link open");
        for (const node of this.#nodes.values()) this.#greet(node);
      },
      onBeat: () => beat.beat([...this.#nodes.values()], this.#sampleSeconds),
      onOrder: (nodeId, order) => this.#take(nodeId, order),
      onRefused: (nodeId) => this.#dismiss(nodeId),
    });
    this.#link = link;
    const abandoned = untilAbandoned({
      clock,
      signal,
      patienceHours: this.#config.abandonedHours,
      isAway: link.isAway,
      held: () => this.#held(),
    });
    this.#closed = this.#close(Promise.race([link.closed.then(() => "stopped" as const), abandoned]));
  }

  keep(wanted: WantedNodes): void {
    this.#wanted = wanted;
    for (const nodeId of new Set([...Object.keys(wanted), ...this.#nodes.keys(), ...this.#standings.keys()]))
      this.#inTurn(nodeId, () => this.#match(nodeId));
  }

  async stop(): Promise<void> {
    this.#wanted = {};
    for (const { node } of this.#nodes.values()) node.endRuns();
    await Promise.all([...this.#nodes.values()].map(({ node }) => node.settle()));
    this.#leaving.abort();
    this.#hasNode.abort();
    await this.closed;
  }

  #inTurn(nodeId: string, act: () => Promise<void>): void {
    const turn = (this.#turns.get(nodeId) ?? Promise.resolve())
      .then(act)
      .catch((cause: unknown) => this.#means.log.error("node not changed", { nodeId, cause }))
      .finally(() => {
        if (this.#turns.get(nodeId) === turn) this.#turns.delete(nodeId);
      });
    this.#turns.set(nodeId, turn);
  }

  /** A wish that has been tried is not tried again; a new one has another generation. */
  async #match(nodeId: string): Promise<void> {
    const wanted = this.#wanted[nodeId];
    if (wanted === undefined) {
      await this.#end(nodeId, { isRemoved: false, erase: false });
      this.#standings.delete(nodeId);
    } else {
      if (this.#standings.get(nodeId)?.generation === wanted.generation) return;
      this.#standings.set(nodeId, await this.#bring(nodeId, wanted));
    }
    this.#tell();
  }

  async #bring(nodeId: string, wanted: WantedNode): Promise<NodeStanding> {
    const { log } = this.#means;
    try {
      if (wanted.state === "running") await this.#begin(nodeId, wanted);
      else {
        const isRemoved = wanted.state === "removed";
        const wasHere = await this.#end(nodeId, { isRemoved, erase: false });
        if (!wasHere)
          await cleanNode(
            placesOfNode(this.#config, nodeId),
            { clock: this.#means.clock, machine: this.#machine },
            { isRemoved },
          );
      }
      return { state: wanted.state, generation: wanted.generation };
    } catch (cause) {
      log.warn("node not as wanted", { nodeId, wanted: wanted.state, cause });
      const reason = cause instanceof Error ? cause.message : String(cause);
      return { state: "failed", generation: wanted.generation, reason };
    }
  }

  async #begin(nodeId: string, { userIds }: WantedNode): Promise<void> {
    if (this.#nodes.has(nodeId) || this.#leaving.signal.aborted) return;
    const served = await this.#opening(() =>
      openServedNode(nodeId, userIds, {
        config: this.#config,
        clock: this.#means.clock,
        places: this.#places,
        known: this.#known,
        machine: this.#machine,
        address: this.#address,
        leaving: this.#leaving.signal,
        ownAddress,
        send: (report) => this.#link?.send(nodeId, report),
      }),
    );
    this.#nodes.set(nodeId, served);
    this.#hasNode.abort();
    this.#greet(served);
    void this.#preparing(() => served.prepare());
  }

  #greet({ node, log, send }: ServedNode): void {
    log.info("link open");
    send(node.hello());
  }

  /** @returns whether the node was here */
  async #end(nodeId: string, end: { isRemoved: boolean; erase: boolean }): Promise<boolean> {
    const served = this.#nodes.get(nodeId);
    if (!served) return false;
    if (end.isRemoved && !served.isDismissed) await served.node.sendKept();
    served.node.endRuns();
    await served.node.settle();
    await served.node.close(end);
    served.send({ type: "leave" });
    this.#nodes.delete(nodeId);
    return true;
  }

  /** The service does not know the node, or not any more: it goes with all that it has. */
  #dismiss(nodeId: string): void {
    // From now on it is nobody's credential.
    const served = this.#nodes.get(nodeId);
    if (!served || served.isDismissed) return;
    served.isDismissed = true;
    this.#inTurn(nodeId, async () => {
      served.log.info("the service has removed the node");
      await this.#end(nodeId, { isRemoved: true, erase: true });
      const generation = this.#standings.get(nodeId)?.generation ?? 0;
      this.#standings.set(nodeId, { state: "ended", generation });
      this.#tell();
    });
  }

  #take(nodeId: string, order: ServiceOrder): void {
    const served = this.#nodes.get(nodeId);
    if (!served) return;
    if (order.type === "welcome") this.#sampleSeconds = order.sampleSeconds;
    if (order.type === "dismiss") this.#dismiss(nodeId);
    else if (order.type === "greet") this.#greet(served);
    else served.node.take(order);
  }

  /** Of a node that the service has not refused, once there is one. */
  async #credential(): Promise<Credential | undefined> {
    const { signal } = this.#leaving;
    while (!signal.aborted) {
      const served = [...this.#nodes.values()].find(({ isDismissed }) => !isDismissed);
      if (served) return { nodeId: served.nodeId, headers: { ...served.headers(), "x-kyanite-host": this.#key } };
      this.#hasNode = new AbortController();
      await aborted(this.#hasNode.signal);
    }
    return undefined;
  }

  #held() {
    const held = [...this.#nodes.values()].map(({ node }) => node.held());
    return {
      isRunning: held.some(({ isRunning }) => isRunning),
      hasReports: held.some(({ hasReports }) => hasReports),
    };
  }

  #tell(): void {
    this.#means.onStandings?.(Object.fromEntries(this.#standings));
  }

  async #close(ending: Promise<"stopped" | "abandoned">): Promise<"stopped" | "abandoned"> {
    const outcome = await ending;
    const isGone = outcome === "abandoned";
    this.#leaving.abort();
    this.#hasNode.abort();
    await Promise.all(this.#turns.values());
    const closing = [...this.#nodes.values()].map(async ({ node, removeTraces }) => {
      await node.close({ isRemoved: isGone, erase: isGone });
      if (isGone) await removeTraces();
    });
    await Promise.all(closing);
    this.#nodes.clear();
    this.#machine.store.close();
    return outcome;
  }
}

function ownAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return addresses.find(({ internal, family }) => !internal && family === "IPv4")?.address ?? "127.0.0.1";
}
