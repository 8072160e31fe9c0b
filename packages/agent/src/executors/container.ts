import { fstatSync } from "node:fs";
import { basename } from "node:path";
import type { RunContainer, RunUse } from "@kyanite/contract";
import type { Clock, Directory, Log } from "@kyanite/runtime";
import type { Container, ContainerCreateOptions, ContainerInspectInfo } from "dockerode";
import {
  invalidImage,
  isWithoutImage,
  mayPass,
  RuntimeLost,
  runtimeAnswer,
  startFailure,
} from "../containers/failures.ts";
import { fileWriter, outputTaker } from "../containers/output.ts";
import { pastEvents } from "../containers/past-events.ts";
import { untilAnswered } from "../containers/patience.ts";
import { endRemains } from "../containers/remains.ts";
import type { ContainerRuntime } from "../containers/runtime.ts";
import { messageOf } from "../failure.ts";
import type { MemoryKill } from "../limits.ts";
import { useByRuntime } from "../run-use/runtime-accounts.ts";
import { mostOf } from "../run-use/use.ts";
import { type OpenFile, openEmptied, openForAppending } from "../task-files/plain-file.ts";
import type { TaskUser } from "../user.ts";
import { type ContainerRecord, type Execution, type ExecutionRecord, NeverStarted } from "./executor.ts";

/** Where the output of a container goes, and who hears of it. */
export interface ContainedRun {
  readonly runId: string;
  readonly taskDirectory: Directory;
  readonly stdout: string;
  readonly stderr: string;
  readonly user: TaskUser | undefined;
  /** Called with what is known of the container, whenever that has changed. */
  onChange(container: RunContainer): void;
  /** Takes away what was made for the container besides. */
  onRelease(): Promise<void>;
}

/** A command that is the main process of a container of its own. */
export interface ContainedCommand extends ContainedRun {
  readonly body: ContainerCreateOptions & { readonly name: string };
  /** What the client asked for, for messages. */
  readonly settings: string;
}

/** Commands that are containers. What a former agent has started goes on, and is found again by its name. */
export interface ContainerExecutor {
  /** @throws StepFailure, and RuntimeLost when nobody can say what has become of it */
  start(command: ContainedCommand, onLaunch: (record: ExecutionRecord) => void): Promise<Execution>;
  adopt(run: ContainedRun, record: ContainerRecord): Execution;
}

interface Means {
  readonly runtime: () => Promise<ContainerRuntime>;
  readonly clock: Clock;
  readonly log: Log;
}

export function containerExecutor(means: Means): ContainerExecutor {
  return {
    async start(command, onLaunch) {
      const { name } = command.body;
      const files = openFiles(command, "emptied");
      onLaunch({ kind: "container", name, since: means.clock.now().toISOString() });
      const contained = new Contained(command, name, files, means);
      try {
        await startPatiently(contained, command.body, means.clock);
        return contained;
      } catch (cause) {
        await (cause instanceof RuntimeLost ? contained.abandon() : contained.release());
        if (isWithoutImage(cause)) throw invalidImage(command.body.Image ?? "", messageOf(cause), cause);
        throw await startFailure(cause, command.settings, means.runtime);
      }
    },
    adopt(run, { name }) {
      const contained = new Contained(run, name, openFiles(run, "for appending"), means);
      contained.adopt();
      return contained;
    },
  };
}

/** A runtime that is being restarted fails at this and that, and then it is there again. */
const mostTries = 3;
const startPause = 1_000;

async function startPatiently(contained: Contained, body: ContainerCreateOptions, clock: Clock): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await contained.start(body);
    } catch (cause) {
      if (tries === mostTries || !mayPass(cause)) throw cause;
    }
    await contained.undo();
    await clock.sleep(startPause);
  }
}

export type Files = Readonly<Record<"stdout" | "stderr", OpenFile>>;

export function openFiles(
  { taskDirectory, stdout, stderr, user }: ContainedRun,
  how: "emptied" | "for appending",
): Files {
  const open = how === "emptied" ? openEmptied : openForAppending;
  const out = open(taskDirectory, basename(stdout), { user });
  try {
    return { stdout: out, stderr: open(taskDirectory, basename(stderr), { user }) };
  } catch (cause) {
    out[Symbol.dispose]();
    throw cause;
  }
}

export function closeFiles(files: Files): void {
  for (const file of Object.values(files)) file[Symbol.dispose]();
}

/** So much of a container's output the runtime keeps itself, twice, for an agent that was away. */
const keptMegabytes = 8;

/** How the runtime shall keep what a container says: as it is, and not much of it. */
export const boundedLog = ({ kind }: ContainerRuntime) =>
  kind === "podman"
    ? { Type: "k8s-file", Config: { "max-size": `${keptMegabytes}mb` } }
    : { Type: "local", Config: { "max-size": `${keptMegabytes}m`, "max-file": "2", compress: "false" } };

/** Without a body, which some runtimes would take for the container's input. */
const attaching = { _query: { stream: true, stdin: false, stdout: true, stderr: true }, _body: {}, hijack: true };

/** How long what a container has said may take to come after its end. */
const outputMilliseconds = 10_000;
/** How long after the last that a container has said its exit code may take. */
const answerMilliseconds = 30_000;

/** Milliseconds between looks at a container that has said all. */
const looks: readonly number[] = [5, 10, 20, 40, 80, 160, 320, 640, 1_280];

/** What the runtime answers who waits for a container's end. */
interface WaitAnswer {
  readonly StatusCode: number;
  readonly Error?: { readonly Message?: string } | null;
}

const isSuccess = ({ StatusCode, Error: error }: WaitAnswer) => StatusCode === 0 && !error?.Message;

const success = { ExitCode: 0, OOMKilled: false, Error: "" } as const;

class Contained implements Execution {
  readonly isForgetful = true;
  readonly #run: ContainedRun;
  readonly #name: string;
  readonly #files: Files;
  readonly #means: Means;
  #exit: Promise<number> = new Promise(() => {});
  #containerId = "";
  #hasTerminal = false;
  #hasEnded = false;
  #isStopped = false;
  /** Whether the runtime has failed meanwhile, and may have forgotten what belongs to the container. */
  #isForgotten = false;
  #memoryKill: MemoryKill | undefined;
  #used: RunUse = {};
  #releasing: Promise<void> | undefined;

  constructor(run: ContainedRun, name: string, files: Files, means: Means) {
    this.#run = run;
    this.#name = name;
    this.#files = files;
    this.#means = means;
  }

  get exit(): Promise<number> {
    return this.#exit;
  }

  async start(body: ContainerCreateOptions): Promise<void> {
    const { api } = await this.#means.runtime();
    const container = await api.createContainer(body);
    this.#containerId = container.id;
    this.#hasTerminal = body.Tty ?? false;
    this.#run.onChange({ containerId: container.id, state: "created" });
    try {
      const said = await container.attach(attaching);
      await container.start();
      this.#run.onChange({ containerId: container.id, state: "running" });
      this.#settle(this.#follow(this.#copy(said, { stdout: 0, stderr: 0 })));
    } catch (cause) {
      const error = runtimeAnswer(cause)?.reason ?? messageOf(cause);
      this.#run.onChange({ containerId: container.id, state: "created", error });
      this.#isForgotten ||= mayPass(cause);
      throw cause;
    }
  }

  /** Removes what could not be started, as soon as the runtime is there for it. */
  async undo(): Promise<void> {
    await this.#insist((container) => container.remove({ force: true, v: true }), [404]);
    if (!this.#isForgotten) return;
    const containerId = this.#containerId;
    const count = await endRemains(containerId, this.#means.clock);
    if (count > 0) this.#means.log.warn("the runtime had left processes", { containerId, count });
  }

  adopt(): void {
    this.#settle(this.#takeOver());
  }

  async stop(graceMilliseconds: number): Promise<void> {
    await this.look().catch(() => {});
    this.#isStopped = true;
    const t = Math.ceil(graceMilliseconds / 1000);
    await this.#insist((container) => container.stop({ t }), [304, 404]);
    await this.exit.catch(() => {});
  }

  async kill(): Promise<boolean> {
    this.#isStopped = true;
    if (!this.#hasEnded) await this.#insist((container) => container.kill({ signal: "SIGKILL" }), [404, 409]);
    await this.exit.catch(() => {});
    return true;
  }

  memoryKill(): MemoryKill | undefined {
    return this.#memoryKill;
  }

  async look(): Promise<void> {
    if (this.#hasEnded) return;
    const container = await this.#container();
    this.#used = mostOf(this.#used, useByRuntime(await container.stats({ stream: false, "one-shot": true })));
  }

  use(): RunUse {
    return this.#used;
  }

  release(): Promise<void> {
    this.#releasing ??= this.#letGo(() => this.undo());
    return this.#releasing;
  }

  /** Lets go of what could not be started, and is lost with its runtime. */
  abandon(): Promise<void> {
    this.#releasing ??= this.#letGo(async () => {});
    return this.#releasing;
  }

  #settle(ending: Promise<number>): void {
    this.#exit = ending.finally(() => {
      this.#hasEnded = true;
    });
    // Whoever stops it may never ask how it ended.
    this.#exit.catch((cause: unknown) => {
      this.#isForgotten ||= cause instanceof RuntimeLost;
    });
  }

  async #container(): Promise<Container> {
    const { api } = await this.#means.runtime();
    return api.getContainer(this.#name);
  }

  async #takeOver(): Promise<number> {
    const found = await this.#inspect();
    if (found === undefined || found.State.Status === "created") {
      this.#containerId = found?.Id ?? "";
      this.#isForgotten = true;
      if (found) await this.undo();
      throw new NeverStarted("the container was never started");
    }
    this.#containerId = found.Id;
    this.#hasTerminal = found.Config.Tty;
    if (!isRunning(found)) {
      await this.#catchUp(found);
      await this.#checkEndMeanwhile(found);
      const answer = await this.#untilEnd(Promise.resolve());
      return this.#end(found, answer?.StatusCode);
    }
    this.#run.onChange({ containerId: found.Id, state: "running" });
    return this.#follow(this.#catchUp(found));
  }

  /** Waits for the end, through absences of the runtime that the container outlives. */
  async #follow(copying: Promise<void>): Promise<number> {
    let output = copying;
    for (;;) {
      const { kind } = await this.#means.runtime();
      // Asked to wait, Podman looks only now and then whether a container has ended; what it says ends at once.
      if (kind === "podman") {
        await output;
        const ended = await this.#lookOften();
        if (ended) return this.#end(ended, undefined);
      }
      const answer = await this.#untilEnd(output);
      if (answer && isSuccess(answer) && !this.#isStopped) {
        await this.#checkOwnEnd();
        await this.#untilCopied(output);
        return this.#end(undefined, answer.StatusCode);
      }
      const found = await this.#inspectSoon(answer === undefined);
      if (isRunning(found)) {
        await output;
        output = this.#catchUp(found);
        continue;
      }
      await this.#untilCopied(output);
      return this.#end(found, answer?.StatusCode);
    }
  }

  /**
   * An answer that a runtime has begun, and not ended before it was ended itself, is waited for in vain.
   * @returns what the runtime has answered; undefined when it was away meanwhile
   */
  async #untilEnd(output: Promise<void>): Promise<WaitAnswer | undefined> {
    const over = new AbortController();
    const silence = async () => {
      await output;
      await this.#means.clock.sleep(answerMilliseconds, over.signal);
      return undefined;
    };
    try {
      const container = await this.#container();
      const waiting: Promise<WaitAnswer> = container.wait();
      return await Promise.race([waiting, silence()]);
    } catch (cause) {
      if (runtimeAnswer(cause)?.statusCode === 404) throw new RuntimeLost("the container is gone");
      this.#means.log.warn("container runtime away", { runId: this.#run.runId, reason: messageOf(cause) });
      return undefined;
    } finally {
      over.abort();
    }
  }

  /** Who has said all most often ends at once. Undefined when it goes on all the same. */
  async #lookOften(): Promise<ContainerInspectInfo | undefined> {
    for (const pause of looks) {
      const found = await this.#inspectOnce().catch(() => undefined);
      if (found && hasCode(found)) return found;
      await this.#means.clock.sleep(pause);
    }
    return undefined;
  }

  /** Of one that is over, or was taken for that. */
  async #inspectSoon(wasAway: boolean): Promise<ContainerInspectInfo> {
    const { isOutlived } = await this.#means.runtime();
    const found = wasAway || isOutlived ? await this.#inspect() : await this.#inspectOnce().catch(() => undefined);
    if (found === undefined) throw new RuntimeLost("the container runtime has ended");
    if (isOutlived || isRunning(found)) return found;
    if (wasAway) throw new RuntimeLost("the container runtime was restarted");
    if (!this.#isStopped) await this.#checkOwnEnd();
    return found;
  }

  /**
   * A runtime that ends takes its containers with it, some of them as if they had ended by themselves: to be believed
   * it has to be there still, and not to have ended the container itself.
   */
  async #checkOwnEnd(): Promise<void> {
    const runtime = await this.#means.runtime();
    if (runtime.isOutlived) return;
    const events = await this.#pastEvents(runtime);
    if (events.has("kill")) throw new RuntimeLost("somebody else has ended the container");
  }

  async #pastEvents(runtime: ContainerRuntime): Promise<ReadonlySet<string>> {
    return pastEvents(runtime, this.#containerId, this.#means.clock).catch((cause: unknown) => {
      throw new RuntimeLost(`the container runtime has ended: ${messageOf(cause)}`);
    });
  }

  /**
   * The runtime may have ended while no agent was there. Then it knows nothing of the container's end but an exit code,
   * which most often is not the command's.
   */
  async #checkEndMeanwhile(found: ContainerInspectInfo): Promise<void> {
    const runtime = await this.#means.runtime();
    if (runtime.isOutlived) return;
    const events = await this.#pastEvents(runtime);
    if (events.has("kill") || (!events.has("die") && found.State.ExitCode !== 0))
      throw new RuntimeLost("the container runtime was restarted");
  }

  /** @param found undefined of a success, of which the runtime has nothing else to tell */
  #end(found: ContainerInspectInfo | undefined, code: number | undefined): number {
    const { ExitCode, OOMKilled, Error: error } = found?.State ?? success;
    const limitBytes = found?.HostConfig.Memory ?? 0;
    if (OOMKilled) this.#memoryKill = { limitBytes, peakBytes: limitBytes };
    this.#run.onChange({ containerId: this.#containerId, state: "exited", ...(error ? { error } : {}) });
    // What a runtime shows of a container may be a little behind.
    return code ?? ExitCode;
  }

  async #inspectOnce(): Promise<ContainerInspectInfo> {
    const container = await this.#container();
    return container.inspect();
  }

  /** Undefined when there is no such container. */
  async #inspect(): Promise<ContainerInspectInfo | undefined> {
    let found: ContainerInspectInfo | undefined;
    await this.#insist(
      async (container) => {
        found = await container.inspect();
      },
      [404],
    );
    return found;
  }

  /**
   * Does something as soon as the runtime is there for it.
   * @param accepted answers after which it is as it should be
   * @throws RuntimeLost when it does not come back
   */
  async #insist(act: (container: Container) => Promise<unknown>, accepted: readonly number[]): Promise<void> {
    const ask = async () => {
      try {
        await act(await this.#container());
      } catch (cause) {
        if (!accepted.includes(runtimeAnswer(cause)?.statusCode ?? 0)) throw cause;
      }
    };
    await untilAnswered(ask, this.#means).catch((cause: unknown) => {
      throw new RuntimeLost(runtimeAnswer(cause)?.reason ?? messageOf(cause));
    });
  }

  async #catchUp(found: ContainerInspectInfo): Promise<void> {
    const sizes = { stdout: sizeOf(this.#files.stdout), stderr: sizeOf(this.#files.stderr) };
    const mayBeCut = sizes.stdout + sizes.stderr > keptMegabytes * 1_000_000;
    const since = mayBeCut ? lastWritten(this.#files) : undefined;
    try {
      const container = await this.#container();
      const options = { stdout: true, stderr: true, ...(since === undefined ? {} : { since }) } as const;
      const said = isRunning(found)
        ? await container.logs({ ...options, follow: true })
        : [await container.logs({ ...options, follow: false })];
      await this.#copy(said, since === undefined ? sizes : { stdout: 0, stderr: 0 });
    } catch (cause) {
      this.#means.log.warn("output not caught up with", { runId: this.#run.runId, reason: messageOf(cause) });
    }
  }

  /** Never fails: what cannot be written, for example because the disk is full, is read all the same. */
  async #copy(
    said: AsyncIterable<unknown> | Iterable<unknown>,
    known: Readonly<Record<"stdout" | "stderr", number>>,
  ): Promise<void> {
    const { stdout, stderr } = this.#files;
    const write = fileWriter({ stdout: stdout.fd, stderr: stderr.fd }, known);
    const take = outputTaker(write, this.#hasTerminal);
    let isLost = false;
    const lose = (cause: unknown) => {
      if (!isLost) this.#means.log.warn("output lost", { runId: this.#run.runId, reason: messageOf(cause) });
      isLost = true;
    };
    try {
      for await (const chunk of said) {
        if (isLost || !Buffer.isBuffer(chunk)) continue;
        try {
          take(chunk);
        } catch (cause) {
          lose(cause);
        }
      }
    } catch (cause) {
      // The runtime has gone; who waits for the end hears of it.
      lose(cause);
    }
  }

  async #untilCopied(output: Promise<void>): Promise<void> {
    const { clock, log } = this.#means;
    const done = new AbortController();
    const isLate = await Promise.race([
      output.then(() => false),
      clock.sleep(outputMilliseconds, done.signal).then(() => true),
    ]);
    done.abort();
    if (isLate) log.warn("output not at its end", { runId: this.#run.runId });
  }

  async #letGo(end: () => Promise<void>): Promise<void> {
    const { log } = this.#means;
    try {
      await end();
      await this.#run.onRelease();
    } catch (cause) {
      log.error("container not removed", { runId: this.#run.runId, cause });
    } finally {
      closeFiles(this.#files);
    }
  }
}

/** Podman says `stopped` as soon as it knows the exit code, and `exited` once its helper has cleared up. */
const hasCode = ({ State }: ContainerInspectInfo) => ["stopped", "exited"].includes(State.Status);

const isRunning = ({ State }: ContainerInspectInfo) => State.Running || State.Paused || State.Restarting;

const sizeOf = ({ fd }: OpenFile) => fstatSync(fd).size;

/** When something was written last, in seconds. */
const lastWritten = ({ stdout, stderr }: Files) =>
  Math.max(fstatSync(stdout.fd).mtimeMs, fstatSync(stderr.fd).mtimeMs) / 1000;
