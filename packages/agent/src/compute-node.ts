import { setMaxListeners } from "node:events";
import { cpus, totalmem } from "node:os";
import type { AgentReport, ServiceOrder } from "@kyanite/contract";
import { limitTo } from "@kyanite/runtime";
import { openAnswers } from "./answers.ts";
import type { NodeConfig } from "./config.ts";
import { openDiskWatch } from "./disk-watch.ts";
import { openEndReports } from "./end-reports.ts";
import type { FilesReply } from "./files.ts";
import { type AnswerAddress, postFilesReply } from "./files-answer.ts";
import type { FollowRequest } from "./follow.ts";
import type { FinishedReport } from "./journal.ts";
import { postKeptFile } from "./kept/post.ts";
import { type LateReport, openLateReports } from "./late-reports.ts";
import type { Limits } from "./limits.ts";
import {
  hasWaitingRuns,
  heldRunIds,
  type NodeAction,
  type NodeEvent,
  type NodeOrder,
  type NodeState,
  newNode,
  nextStep,
  waitMilliseconds,
} from "./node.ts";
import type { NodeParts } from "./node-parts.ts";
import { removeBelow } from "./node-root.ts";
import { answerRequest, type RequestMeans } from "./requests.ts";
import { Running } from "./running.ts";
import type { ServiceAddress } from "./service-address.ts";
import { restartNode, setUpNode } from "./set-up.ts";
import { FileWatches } from "./task-files/file-watches.ts";
import { NameReader } from "./task-files/names.ts";

export const agentVersion = "0.1.0";

/** However many are asked for: the other nodes of the host have files to show, too. */
const answersAtOnce = 32;
/** Each holds a file and a connection. */
const followersAtOnce = 1_000;

/** So long a node that is removed waits for what it has still to send. */
const farewellMilliseconds = 5_000;

/** What a node needs of its host. */
export interface NodeMeans {
  readonly config: NodeConfig;
  readonly parts: NodeParts;
  readonly address: ServiceAddress;
  token(): string;
  /** Shown to the service with the answers to requests. */
  headers(): Readonly<Record<string, string>>;
  /** Aborts when nothing may be sent any more. Until then what is being read goes on, also while the node ends. */
  readonly leaving: AbortSignal;
  ownAddress(): string;
  send(report: AgentReport): void;
}

/** One compute node at work: it takes orders, and does what `nextStep` decides. */
export class ComputeNode {
  readonly #means: NodeMeans;
  readonly #stopping = new AbortController();
  readonly #running: Running;
  readonly #answers;
  readonly #answering = limitTo(answersAtOnce);
  readonly #disk;
  readonly #ends;
  readonly #late;
  readonly #names: NameReader;
  readonly #watches = new FileWatches();
  #followers = 0;
  readonly #ongoing: Promise<unknown>;
  #state: NodeState;
  #waiting: Promise<void> | undefined;

  constructor(means: NodeMeans) {
    const { config, parts, send } = means;
    const { clock, log } = parts;
    const { signal } = this.#stopping;
    // Every follower waits for them.
    setMaxListeners(0, signal, means.leaving);
    this.#means = means;
    this.#state = newNode(parts.journal.contents.finished, parts.interrupted);
    this.#running = new Running({ parts, stopping: signal, tell: (event) => this.#tell(event) });
    this.#answers = openAnswers(clock);
    this.#ends = openEndReports(send, { clock, signal });
    this.#late = openLateReports(send, { clock, signal });
    this.#names = new NameReader(clock);
    this.#disk = openDiskWatch({ ...config, clock, log, send, onFull: (failure) => this.#running.stopAll(failure) });
    for (const run of parts.interrupted) this.#own(this.#running.resume(run));
    this.#ongoing = Promise.all([
      parts.retention.run(signal),
      this.#disk.run(signal),
      parts.kept.run((file, content) => postKeptFile(file, content, this.#answerAddress(signal)), signal),
    ]);
  }

  /** What is said first on every new link, and whenever the service asks for it. */
  hello(): AgentReport {
    const { config, parts, token, ownAddress } = this.#means;
    const { bootTime, restartId } = parts.boot();
    return {
      type: "hello",
      token: token(),
      provider: config.provider,
      labels: config.labels,
      agentVersion,
      bootTime,
      ipAddress: ownAddress(),
      cores: cpus().length,
      memoryBytes: totalmem(),
      runIds: [...heldRunIds(this.#state)],
      managesUsers: parts.users.managesUsers,
      ...(restartId === undefined ? {} : { restartId }),
    };
  }

  take(order: NodeOrder): void {
    const { parts } = this.#means;
    if (this.#stopping.signal.aborted && order.type !== "files") return;
    if (order.type === "welcome") {
      parts.cgroups.setLimits(limitsOf(order));
      this.#disk.forget();
    }
    this.#tell({ type: "order", order, now: parts.clock.now() });
  }

  /** What runs, and what has ended and is still to be reported. */
  held(): { readonly isRunning: boolean; readonly hasReports: boolean } {
    return { isRunning: !this.#running.isEmpty, hasReports: heldRunIds(this.#state).length > 0 };
  }

  /** Ends every run without a report. */
  endRuns(): void {
    this.#stopping.abort();
    this.#running.stopAll();
  }

  /** Resolves when what is kept of ended runs is with the service; of what takes long not all is. */
  async sendKept(): Promise<void> {
    const { clock, kept } = this.#means.parts;
    const done = new AbortController();
    await Promise.race([kept.sent(), clock.sleep(farewellMilliseconds, done.signal)]);
    done.abort();
  }

  /** Resolves when what was asked of the node is answered. */
  settle(): Promise<void> {
    return this.#answers.settle();
  }

  /** Ends the node. */
  async close(end: { readonly isRemoved: boolean; readonly erase: boolean }): Promise<void> {
    this.endRuns();
    await this.#running.whenEnded();
    await this.#ongoing;
    await this.#means.parts.close(end);
  }

  #tell(event: NodeEvent): void {
    const step = nextStep(this.#state, event);
    this.#state = step.state;
    if (event.type === "ended") this.#late.forget(event.runId);
    for (const action of step.actions) this.#own(this.#perform(action));
  }

  /** What nobody waits for must not fail unseen. */
  #own(work: Promise<void> | undefined): void {
    const { log } = this.#means.parts;
    work?.catch((cause: unknown) => this.#stopping.signal.aborted || log.error("not done", { cause }));
  }

  async #perform(action: NodeAction): Promise<void> {
    const { parts, send } = this.#means;
    switch (action.type) {
      case "start":
        return this.#running.start(action.order, action.startTime, action.after);
      case "wait":
        this.#waiting ??= this.#wait();
        return this.#waiting;
      case "proceed":
        return this.#running.proceed(action.runId);
      case "stop":
        return this.#running.stop(action.runId);
      case "report":
        return isLate(action.report) ? this.#late.add(action.report) : send(action.report);
      case "finish":
        this.#keepFinished(action.report);
        return this.#ends.add(action.report, hasWaitingRuns(this.#state));
      case "forget":
        parts.journal.forget(action.runId);
        return parts.kept.release(action.runId);
      case "removeDirectory":
        return this.#removeDirectory(action);
      case "answerFiles":
        return this.#answer(action);
      case "setUp":
        return send(await setUpNode(parts, action, this.#stopping.signal));
      case "restart":
        return this.#restart(action);
    }
  }

  async #wait(): Promise<void> {
    const { clock } = this.#means.parts;
    await clock.sleep(waitMilliseconds, this.#stopping.signal);
    this.#waiting = undefined;
    if (!this.#stopping.signal.aborted) this.#tell({ type: "waited", now: clock.now() });
  }

  /** A full disk must not hide what the service waits for. */
  #keepFinished(report: FinishedReport): void {
    const { journal, log } = this.#means.parts;
    try {
      journal.keepFinished(report);
    } catch (cause) {
      log.warn("report not kept", { cause });
    }
  }

  async #removeDirectory({
    directory,
    after,
  }: Extract<NodeAction, { readonly type: "removeDirectory" }>): Promise<void> {
    const { root, retention, runMeans } = this.#means.parts;
    if (directory.startsWith("applications/")) return runMeans().packages.remove(directory);
    await this.#running.whenEnded(after);
    retention.forget(directory);
    return removeBelow(root, directory);
  }

  async #answer({ requestId, request }: Extract<NodeAction, { readonly type: "answerFiles" }>): Promise<void> {
    if (request.operation === "follow") return this.#follow(requestId, request);
    const { signal } = this.#stopping;
    const wasStopping = signal.aborted;
    await this.#answering(async () => {
      // Only what is being read holds a node up that is to end.
      if (signal.aborted && !wasStopping) return;
      using _ = this.#answers.begin();
      await this.#post(requestId, await answerRequest(request, this.#requestMeans()));
    });
  }

  /** Goes on for as long as somebody follows, and holds up neither other answers nor the end of the node. */
  async #follow(requestId: string, request: FollowRequest): Promise<void> {
    if (this.#followers >= followersAtOnce) return this.#post(requestId, tooManyFollowers);
    this.#followers += 1;
    try {
      await this.#post(requestId, await answerRequest(request, this.#requestMeans()));
    } catch (cause) {
      this.#means.parts.log.debug("follower gone", { cause });
    } finally {
      this.#followers -= 1;
    }
  }

  #post(requestId: string, reply: FilesReply): Promise<void> {
    return postFilesReply(requestId, reply, this.#answerAddress(this.#means.leaving));
  }

  #answerAddress(signal: AbortSignal): AnswerAddress {
    const { address, headers } = this.#means;
    return { serviceUrl: address.known(), headers: headers(), signal };
  }

  #requestMeans(): RequestMeans {
    const { config, parts, ownAddress } = this.#means;
    const { root, users, clock, log } = parts;
    return {
      places: { root, logFile: config.logFile },
      names: this.#names,
      watches: this.#watches,
      runs: this.#running,
      address: ownAddress(),
      sshPort: config.sshPort,
      userSuffix: users.accounts.suffix,
      clock,
      log,
      signal: this.#stopping.signal,
      own: (work) => this.#own(work),
    };
  }

  async #restart(action: Extract<NodeAction, { readonly type: "restart" }>): Promise<void> {
    const { parts, send } = this.#means;
    await this.#running.whenEnded(action.after);
    await restartNode(parts, action);
    this.#disk.forget();
    send(this.hello());
  }
}

const tooManyFollowers: FilesReply = {
  answer: { outcome: "error", code: "TaskFilesUnavailable", reason: "The compute node has too many followers" },
};

const isLate = (report: AgentReport): report is LateReport => report.type === "started" || report.type === "contained";

/** No node has more memory than its machine. */
function limitsOf({ slots, limits = {} }: Extract<ServiceOrder, { type: "welcome" }>): Limits {
  const { memoryBytes } = limits;
  return { ...limits, slots, ...(memoryBytes !== undefined && { memoryBytes: Math.min(memoryBytes, totalmem()) }) };
}
