import type { AgentReport, Failure, NodeSample, ServiceOrder } from "@kyanite/contract";
import type { Clock, Log } from "@kyanite/runtime";
import { type LimitSettings, limitsOfNode } from "../../domain/node/node-limits.ts";
import type { MountSource } from "../../domain/pool/mounts.ts";
import type { Run } from "../../domain/run/run.ts";
import { recordCoordination } from "../../lifecycle/gang.ts";
import { failNode, finishSetUp, recoverNode, welcomeNode } from "../../lifecycle/node.ts";
import { readSetUp } from "../../lifecycle/node-users.ts";
import type { Served } from "../../scheduler/served.ts";
import { noteContainers } from "../../store/containers.ts";
import { type Database, transaction } from "../../store/database.ts";
import { type NodeDuty, readDuties, takeDirectoryRemovals, touchNodes } from "../../store/nodes.ts";
import { listen } from "../../store/notices.ts";
import { addPoolLoad } from "../../store/pool-load.ts";
import { readPoolByPk } from "../../store/pools.ts";
import { readRuns, readWantedRuns } from "../../store/runs.ts";
import { insertNodeSamples } from "../../store/samples.ts";
import type { SnapshotBounds } from "../../store/snapshot.ts";
import { noteStarts } from "../../store/tasks.ts";
import type { Telemetry } from "../../telemetry/telemetry.ts";
import { coalesced } from "../coalesced.ts";
import { HostRecorder } from "./host-recorder.ts";
import type { RefusedReport } from "./reports.ts";
import { runNotes } from "./run-notes.ts";
import type { OrderOutcome } from "./run-orders.ts";
import { RunRecorder } from "./run-recorder.ts";
import type { AgentSocket, LinkedNode } from "./socket.ts";

export interface LinkOptions {
  readonly database: Database;
  /** Of this server, as long as it runs. */
  readonly serverId: string;
  /** Told of runs that have ended. */
  readonly telemetry?: Pick<Telemetry, "tell"> | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly heartbeatSeconds: number;
  readonly sampleSeconds: number;
  /** How much is looked at to find the next tasks for slots that have become free. */
  readonly bounds: SnapshotBounds;
  readonly served: Served;
  /** Directories of the machines that stand for shares. */
  readonly mountSources: readonly MountSource[];
  /** What tasks may take of their nodes. */
  readonly limits: LimitSettings;
  readonly orderFor: (run: Run) => Promise<OrderOutcome>;
}

/** Heartbeats of so long are noted together: with thousands of nodes a statement for each would be most of the work. */
const heardMilliseconds = 250;

const isRunId = (text: string) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);

/** One connected node: what it has been told to run, and what has been recorded since the database was last read. */
interface Link {
  readonly nodePk: number;
  readonly nodeId: string;
  readonly socket: AgentSocket;
  readonly runIds: Set<string>;
  readonly recorded: Set<string>;
  /** The last restart and the last set-up that were ordered. */
  restartId: string | undefined;
  setupId: string | undefined;
}

/**
 * The agents connected to this server. What a node should run is in the database; a link compares that with what its
 * agent has been told, and sends the difference.
 */
export class AgentLinks {
  readonly #options: LinkOptions;
  readonly #links = new Map<number, Link>();
  readonly #outdated = new Set<number>();
  readonly #heard = new Set<number>();
  #samples: { readonly nodePk: number; readonly sample: NodeSample }[] = [];
  readonly #recorder: RunRecorder;
  /** When runs really started, of those that take a while. */
  readonly #noteStart;
  readonly #noteContainer;
  readonly #hosts: HostRecorder;
  readonly #deliver: () => void;
  readonly #touch: () => void;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#recorder = new RunRecorder(options, (runs) => this.#acknowledge(runs));
    this.#noteStart = runNotes(noteStarts, options);
    this.#noteContainer = runNotes(noteContainers, options);
    this.#hosts = new HostRecorder(options);
    this.#deliver = coalesced(() => this.#deliverOutdated(), options);
    this.#touch = coalesced(async () => {
      await options.clock.sleep(heardMilliseconds);
      await this.#noteHeard();
    }, options);
  }

  /** Begins to listen for changes of what nodes should run; resolves to a function that stops it. */
  async start(): Promise<() => Promise<void>> {
    return listen(this.#options.database, "orders", (payload) => {
      const pks = payload === "" ? [...this.#links.keys()] : payload.split(",").map(Number);
      this.#refresh(pks);
    });
  }

  /** Whether the node is connected to this server. */
  has(nodePk: number): boolean {
    return this.#links.get(nodePk)?.socket.isOpen ?? false;
  }

  /**
   * Sends an order to a node that is connected to this server.
   * @returns what aborts when the link over which it went is closed; undefined when there is none
   */
  send(nodePk: number, order: ServiceOrder): AbortSignal | undefined {
    const link = this.#links.get(nodePk);
    if (!link?.socket.isOpen) return undefined;
    link.socket.send(link.nodeId, order);
    return link.socket.closed;
  }

  /** Takes what an agent says after it has presented itself; `hello` comes first. */
  async receive(node: LinkedNode, socket: AgentSocket, report: AgentReport): Promise<void> {
    switch (report.type) {
      case "hello":
        return this.#connect(node, socket, report);
      case "heartbeat":
        this.#heard.add(node.pk);
        if (report.sample) this.#samples.push({ nodePk: node.pk, sample: report.sample });
        return this.#touch();
      case "started":
        return this.#noteStart({ runId: report.runId, startTime: new Date(report.startTime) });
      case "contained":
        return this.#noteContainer({ runId: report.runId, container: report.container });
      case "coordinated":
        return transaction(this.#options.database, (sql) => recordCoordination(sql, report.runId));
      case "finished":
        return this.#recorder.add({
          nodePk: node.pk,
          runId: report.runId,
          exit: report.exit,
          startTime: new Date(report.startTime),
          endTime: new Date(report.endTime),
          container: report.container,
          kept: report.kept,
          steps: report.steps,
          mayWait: report.isBusy ?? false,
        });
      case "setUp":
        return this.#finishSetUp(node, report);
      case "nodeError":
        return this.#fail(node, report.failure);
      case "nodeRecovered":
        return this.#recover(node, report.code);
      case "leave":
        return this.#leave(node, socket);
    }
  }

  /**
   * Answers a report that is not understood, so that its agent does not repeat it: the run whose end it should have told
   * is lost. Without its hello an agent is of no use.
   */
  refuse(nodeId: string, socket: AgentSocket, { type, finishedRunId, problems }: RefusedReport): void {
    const { clock, log } = this.#options;
    log.warn("report refused", { nodeId, type, runId: finishedRunId, problems });
    if (type === "hello") return void socket.close(1008, "the hello is not understood");
    const node = socket.nodes.get(nodeId);
    if (finishedRunId === undefined || !node) return;
    if (!isRunId(finishedRunId)) return void socket.send(nodeId, { type: "acknowledge", runIds: [finishedRunId] });
    const now = clock.now();
    const exit = { kind: "lost", reason: "the report of its end is not understood" } as const;
    this.#recorder.add({ nodePk: node.pk, runId: finishedRunId, exit, startTime: now, endTime: now, mayWait: false });
  }

  /** A link is gone, and its nodes with it. */
  disconnect(socket: AgentSocket): void {
    for (const node of socket.nodes.values()) this.#leave(node, socket);
  }

  #leave({ pk, id }: LinkedNode, socket: AgentSocket): void {
    socket.nodes.delete(id);
    if (this.#links.get(pk)?.socket === socket) this.#links.delete(pk);
  }

  /** Closes every link; agents keep what they have and connect again. */
  async close(): Promise<void> {
    this.#heard.clear();
    for (const { socket } of this.#links.values()) socket.close(1012, "the service is stopping");
    await this.#recorder.close();
  }

  async #connect(node: LinkedNode, socket: AgentSocket, hello: Extract<AgentReport, { type: "hello" }>): Promise<void> {
    const { database, clock, log, heartbeatSeconds, sampleSeconds } = this.#options;
    await this.#hosts.connect(socket, hello);
    await transaction(database, (sql) => welcomeNode(sql, node.pk, { ...hello, hostId: socket.hostId }, clock.now()));
    const pool = await readPoolByPk(database, node.poolPk);
    const limits = limitsOfNode(pool?.spec.vmSize ?? "", this.#options.limits);
    const before = this.#links.get(node.pk)?.socket;
    // A node that has restarted says hello again on the link that it has.
    if (before !== socket) before?.close(1000, "connected again");
    this.#links.set(node.pk, {
      nodePk: node.pk,
      nodeId: node.id,
      socket,
      runIds: new Set(hello.runIds),
      recorded: new Set(),
      restartId: hello.restartId,
      setupId: undefined,
    });
    this.send(node.pk, { type: "welcome", slots: node.slots, limits, heartbeatSeconds, sampleSeconds });
    log.info("node connected", { nodeId: node.id });
    this.#refresh([node.pk]);
  }

  async #fail(node: LinkedNode, failure: Failure): Promise<void> {
    const { database, clock, log } = this.#options;
    log.warn("node reports an error", { nodeId: node.id, code: failure.code });
    await transaction(database, (sql) => failNode(sql, node.pk, failure, clock.now()));
  }

  async #recover(node: LinkedNode, code: string): Promise<void> {
    const { database, clock, log } = this.#options;
    const isMended = await transaction(database, (sql) => recoverNode(sql, node.pk, code, clock.now()));
    if (isMended) log.info("node has recovered", { nodeId: node.id, code });
  }

  async #finishSetUp(node: LinkedNode, report: Extract<AgentReport, { type: "setUp" }>): Promise<void> {
    const { database, clock, log } = this.#options;
    if (report.failure) log.warn("node not set up", { nodeId: node.id, failure: report.failure });
    await transaction(database, (sql) => finishSetUp(sql, node.pk, report, clock.now()));
  }

  #refresh(nodePks: readonly number[]): void {
    for (const pk of nodePks) if (this.#links.has(pk)) this.#outdated.add(pk);
    if (this.#outdated.size > 0) this.#deliver();
  }

  async #deliverOutdated(): Promise<void> {
    const links = [...this.#outdated].flatMap((pk) => this.#links.get(pk) ?? []).filter(({ socket }) => socket.isOpen);
    this.#outdated.clear();
    for (const link of links) link.recorded.clear();
    const pks = links.map(({ nodePk }) => nodePk);
    const { database } = this.#options;
    const [wanted, duties] = await Promise.all([readWantedRuns(database, pks), readDuties(database, pks)]);
    const unknown = wanted.filter(({ nodePk, runId }) => {
      const link = this.#links.get(nodePk);
      return link && !link.runIds.has(runId) && !link.recorded.has(runId);
    });
    const runIds = unknown.map(({ runId }) => runId);
    const relieved = duties.filter(({ hasRemovals }) => hasRemovals).map(({ pk }) => pk);
    const [removals, runs] = await Promise.all([takeDirectoryRemovals(database, relieved), readRuns(database, runIds)]);
    this.#cancelUnwanted(links, wanted);
    // First, so that a new job of the same name does not lose what its tasks make.
    for (const { nodePk, directory } of removals) this.send(nodePk, { type: "removeDirectory", directory });
    await this.#sendRuns(runs, unknown);
    for (const { nodePk, runId, mayProceed } of wanted) if (mayProceed) this.send(nodePk, { type: "proceed", runId });
    await this.#doDuties(links, duties);
  }

  /** A node that was given up has to say hello again, and one that is gone to go. */
  async #doDuties(links: readonly Link[], duties: readonly NodeDuty[]): Promise<void> {
    const dutyOf = new Map(duties.map((duty) => [duty.pk, duty]));
    for (const link of links) {
      const duty = dutyOf.get(link.nodePk);
      if (!duty || duty.state === "unknown") {
        this.send(link.nodePk, { type: duty ? "greet" : "dismiss" });
        this.#links.delete(link.nodePk);
      } else {
        this.#restart(link, duty);
        await this.#setUp(link, duty);
      }
    }
  }

  async #setUp(link: Link, { setupId }: NodeDuty): Promise<void> {
    if (setupId === null || setupId === link.setupId) return;
    const { database, mountSources } = this.#options;
    const wanted = await readSetUp(database, link.nodePk, mountSources);
    if (!wanted) return;
    link.setupId = setupId;
    this.send(link.nodePk, { type: "setUp", setupId, ...wanted });
  }

  #restart(link: Link, { state, restartId }: NodeDuty): void {
    const isRestarting = state === "rebooting" || state === "reimaging";
    if (!isRestarting || restartId === null || restartId === link.restartId) return;
    link.restartId = restartId;
    link.runIds.clear();
    this.send(link.nodePk, { type: "restart", restartId, erase: state === "reimaging" });
  }

  #cancelUnwanted(links: readonly Link[], wanted: readonly { runId: string }[]): void {
    const kept = new Set(wanted.map(({ runId }) => runId));
    for (const link of links) {
      for (const runId of link.runIds) {
        if (kept.has(runId)) continue;
        link.runIds.delete(runId);
        this.send(link.nodePk, { type: "cancel", runId });
      }
    }
  }

  async #sendRuns(runs: readonly Run[], unknown: readonly { nodePk: number; runId: string }[]): Promise<void> {
    const nodePks = new Map(unknown.map(({ nodePk, runId }) => [runId, nodePk]));
    for (const outcome of await Promise.all(runs.map((run) => this.#options.orderFor(run)))) {
      const runId = outcome.kind === "order" ? outcome.order.runId : outcome.runId;
      const link = this.#links.get(nodePks.get(runId) ?? -1);
      if (!link || link.recorded.has(runId)) continue;
      link.runIds.add(runId);
      if (outcome.kind === "order") this.send(link.nodePk, { type: "run", order: outcome.order });
      else this.#recordFailure(link, runId, outcome.failure);
    }
  }

  /** A run that cannot be ordered has come to its end without its node. */
  #recordFailure({ nodePk }: Link, runId: string, failure: Failure): void {
    const now = this.#options.clock.now();
    this.#recorder.add({
      nodePk,
      runId,
      exit: { kind: "failed", failure },
      startTime: now,
      endTime: now,
      mayWait: false,
    });
  }

  #acknowledge(runs: readonly { nodePk: number; runId: string }[]): void {
    const byNode = new Map<number, string[]>();
    for (const { nodePk, runId } of runs) byNode.set(nodePk, [...(byNode.get(nodePk) ?? []), runId]);
    for (const [nodePk, runIds] of byNode) {
      const link = this.#links.get(nodePk);
      for (const runId of runIds) {
        link?.runIds.delete(runId);
        link?.recorded.add(runId);
      }
      this.send(nodePk, { type: "acknowledge", runIds });
    }
  }

  async #noteHeard(): Promise<void> {
    if (this.#heard.size === 0) return;
    const pks = [...this.#heard];
    const samples = this.#samples;
    this.#heard.clear();
    this.#samples = [];
    const { database, clock } = this.#options;
    const now = clock.now();
    const touched = new Set(await touchNodes(database, pks, now));
    await this.#hosts.touch(pks.flatMap((pk) => this.#links.get(pk)?.socket ?? []));
    // The others are noted with the next heartbeat of any node.
    for (const pk of pks) if (!touched.has(pk) && this.#links.has(pk)) this.#heard.add(pk);
    if (samples.length === 0) return;
    await addPoolLoad(database, samples);
    await insertNodeSamples(database, samples, now);
  }
}
