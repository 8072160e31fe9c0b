import { readdir } from "node:fs/promises";
import { cpus, networkInterfaces, totalmem } from "node:os";
import { dirname, join } from "node:path";
import type { AgentReport, RunExit, RunOrder } from "@kyanite/contract";
import type { Clock, Log } from "@kyanite/runtime";
import { accountFailure } from "./accounts.ts";
import { openCgroups } from "./cgroups.ts";
import type { AgentConfig } from "./config.ts";
import { openEndReports } from "./end-reports.ts";
import { failureOf, StepFailure } from "./failure.ts";
import { postFilesReply } from "./files-answer.ts";
import { createHeartbeat } from "./heartbeat.ts";
import { type FinishedReport, openJournal } from "./journal.ts";
import { openLaunchers } from "./launcher.ts";
import { killLeftovers } from "./leftovers.ts";
import { openLink } from "./link.ts";
import { placeMounts } from "./mounts.ts";
import {
  hasWaitingRuns,
  heldRunIds,
  type NodeAction,
  type NodeEvent,
  newNode,
  nextStep,
  waitMilliseconds,
} from "./node.ts";
import { makeRoot, removeBelow } from "./node-root.ts";
import { removeTree } from "./remove-tree.ts";
import { answerRequest } from "./requests.ts";
import { openRetention } from "./retention.ts";
import { executeRun, type RunMeans, type RunSignals } from "./run.ts";
import { serviceAddress } from "./service-address.ts";
import { createSharedDownloads } from "./shared-downloads.ts";
import { openStartReports } from "./start-reports.ts";
import { openPackageStore } from "./steps/application-packages.ts";
import { openUsers } from "./user.ts";

export const agentVersion = "0.1.0";

export interface AgentMeans {
  readonly clock: Clock;
  readonly log: Log;
}

export interface Agent {
  /** Resolves when nothing runs any more: because `stop` was called, or because the service has removed the node. */
  readonly closed: Promise<"removed" | "stopped">;
  /** Kills every run without a report and ends the link. */
  stop(): Promise<void>;
}

/** Starts the agent of one compute node: takes orders from the service until it is stopped. */
export async function startAgent(config: AgentConfig, { clock, log }: AgentMeans): Promise<Agent> {
  const { root } = config;
  const address = serviceAddress(config);
  const ownDirectory = dirname(root);
  const headers = { authorization: `Bearer ${config.token}`, "x-kyanite-node": config.nodeId };
  const stopping = new AbortController();
  const journal = await openJournal(join(ownDirectory, "runs.jsonl"));
  await killLeftovers(journal, { clock, log });
  const cgroups = openCgroups(root, clock);
  await cgroups.clear();
  await makeRoot(root);
  const users = await openUsers({ root, users: config.users, directory: ownDirectory, nodeId: config.nodeId, log });
  const retention = await openRetention({
    file: join(ownDirectory, "retention.jsonl"),
    clock,
    log,
    remove: (directory) => removeBelow(root, directory),
  });
  const launchers = openLaunchers(cgroups);
  const makeMeans = async (): Promise<Omit<RunMeans, "onLaunch" | "onCoordinated">> => {
    const downloads = await createSharedDownloads(join(root, "volatile", "downloads"), clock);
    const packages = await openPackageStore(join(root, "applications"), downloads);
    return { root, resolveUser: users.resolve, clock, log, downloads, packages, launchers, cgroups, settings: config };
  };

  let means = await makeMeans();
  let state = newNode(journal.contents.finished);
  let bootTime = clock.now();
  let lastRestartId: string | undefined;
  let sampleSeconds = 60;
  const running = new Map<
    string,
    { readonly controller: AbortController; readonly proceed: AbortController; readonly done: Promise<void> }
  >();

  const apply = (event: NodeEvent) => {
    const step = nextStep(state, event);
    state = step.state;
    for (const action of step.actions) own(perform(action));
  };
  /** What nobody waits for must not fail unseen. */
  const own = (work: Promise<void>) => {
    work.catch((cause: unknown) => stopping.signal.aborted || log.error("not done", { cause }));
  };
  const requestMeans = {
    places: { root, logFile: config.logFile },
    sshPort: config.sshPort,
    userSuffix: users.accounts.suffix,
    clock,
    log,
    signal: stopping.signal,
    own,
  };
  const whenEnded = (runIds: readonly string[]) => Promise.all(runIds.map((runId) => running.get(runId)?.done));

  const perform = async (action: NodeAction): Promise<void> => {
    switch (action.type) {
      case "start":
        return start(action.order, action.after);
      case "wait":
        waiting ??= wait();
        return waiting;
      case "proceed":
        return running.get(action.runId)?.proceed.abort();
      case "stop":
        return running.get(action.runId)?.controller.abort();
      case "report":
        return action.report.type === "started" ? starts.add(action.report) : link.send(action.report);
      case "finish":
        keepFinished(action.report);
        return ends.add(action.report, hasWaitingRuns(state));
      case "forget":
        return journal.forget(action.runId);
      case "removeDirectory":
        if (action.directory.startsWith("applications/")) return means.packages.remove(action.directory);
        await whenEnded(action.after);
        retention.set(action.directory, undefined);
        return removeBelow(root, action.directory);
      case "answerFiles": {
        const reply = await answerRequest(action.request, { ...requestMeans, address: ownAddress() });
        return postFilesReply(action.requestId, reply, {
          serviceUrl: address.known(),
          headers,
          signal: stopping.signal,
        });
      }
      case "setUp":
        return setUp(action);
      case "restart":
        await whenEnded(action.after);
        return restart(action);
    }
  };

  let waiting: Promise<void> | undefined;
  const wait = async () => {
    await clock.sleep(waitMilliseconds, stopping.signal);
    waiting = undefined;
    if (!stopping.signal.aborted) apply({ type: "waited", now: clock.now() });
  };

  /** A full disk must not hide what the service waits for. */
  const keepFinished = (report: FinishedReport) => {
    try {
      journal.keepFinished(report);
    } catch (cause) {
      log.warn("report not kept", { cause });
    }
  };

  const start = (order: RunOrder, after: readonly string[]) => {
    const controller = new AbortController();
    const proceed = new AbortController();
    const signals = { cancelled: controller.signal, proceed: proceed.signal };
    const done = runToReport(order, after, signals).finally(() => running.delete(order.runId));
    running.set(order.runId, { controller, proceed, done });
    return done;
  };

  const runToReport = async (order: RunOrder, after: readonly string[], signals: RunSignals) => {
    const { runId, directory } = order;
    if (after.length > 0) await whenEnded(after);
    const exit = await execute(order, signals);
    const now = clock.now();
    if (stopping.signal.aborted) return journal.forget(runId);
    if (order.retentionSeconds !== undefined) {
      retention.set(directory, new Date(now.getTime() + 1000 * order.retentionSeconds));
    }
    log.info("run ended", { runId, exit });
    starts.forget(runId);
    apply({ type: "ended", runId, exit, now });
  };

  /** What goes wrong in our own book-keeping, such as on a full disk, is the run's end too: nobody waits in vain. */
  const execute = async (order: RunOrder, signals: RunSignals): Promise<RunExit> => {
    const { runId, directory } = order;
    try {
      journal.keepRunning(runId);
      retention.set(directory, undefined);
      log.info("run started", { runId, jobId: order.jobId, taskId: order.taskId });
      const onLaunch: RunMeans["onLaunch"] = (leader) => journal.keepRunning(runId, leader);
      const onCoordinated = () => apply({ type: "coordinated", runId });
      return await executeRun(order, { ...means, onLaunch, onCoordinated }, signals);
    } catch (cause) {
      log.error("run not begun", { runId, cause });
      return { kind: "failed", failure: failureOf(cause) };
    }
  };

  const setUp = async ({ setupId, accounts, mounts }: Extract<NodeAction, { type: "setUp" }>) => {
    try {
      await users.accounts.set(accounts);
      await placeMounts(root, mounts);
      link.send({ type: "setUp", setupId });
    } catch (cause) {
      const isExpected = cause instanceof StepFailure;
      const failure = isExpected ? cause.failure : accountFailure(cause);
      if (isExpected) log.warn("node not set up", { failure });
      else log.error("node not set up", { cause });
      link.send({ type: "setUp", setupId, failure });
    }
  };

  const restart = async ({ restartId, erase }: Extract<NodeAction, { type: "restart" }>) => {
    log.info("restart", { erase });
    if (erase) {
      for (const name of await readdir(root)) await removeTree(join(root, name));
      await users.accounts.removeAll();
    }
    await makeRoot(root);
    means = await makeMeans();
    bootTime = clock.now();
    lastRestartId = restartId;
    beat.forget();
    link.send(hello());
  };

  const hello = (): AgentReport => ({
    type: "hello",
    nodeId: config.nodeId,
    agentVersion,
    bootTime: bootTime.toISOString(),
    ipAddress: ownAddress(),
    cores: cpus().length,
    memoryBytes: totalmem(),
    runIds: [...heldRunIds(state)],
    managesUsers: users.managesUsers,
    ...(lastRestartId === undefined ? {} : { restartId: lastRestartId }),
  });

  const beat = await createHeartbeat({ ...config, clock, send: (report) => link.send(report) });
  const link = openLink({
    serviceUrl: () => address.find(),
    headers,
    clock,
    log,
    signal: stopping.signal,
    hello,
    heartbeat: () => beat.next(sampleSeconds),
    onOrder(order) {
      if (order.type === "welcome") {
        sampleSeconds = order.sampleSeconds;
        beat.forget();
      }
      apply({ type: "order", order, now: clock.now() });
    },
  });
  const ends = openEndReports((report) => link.send(report), { clock, signal: stopping.signal });
  const starts = openStartReports((report) => link.send(report), { clock, signal: stopping.signal });
  const expiring = retention.run(stopping.signal);

  const close = async () => {
    const outcome = await link.closed;
    stopping.abort();
    for (const { controller } of running.values()) controller.abort();
    await Promise.all([...running.values()].map(({ done }) => done));
    await expiring;
    if (outcome === "removed") await users.accounts.removeAll();
    launchers.close();
    await cgroups.clear();
    journal.close();
    return outcome;
  };
  const closed = close();
  const stop = async () => {
    stopping.abort();
    await closed;
  };
  return { closed, stop };
}

function ownAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return addresses.find(({ internal, family }) => !internal && family === "IPv4")?.address ?? "127.0.0.1";
}
