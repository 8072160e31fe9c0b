import type { RunContainer, RunUse } from "@kyanite/contract";
import type { Clock, Log } from "@kyanite/runtime";
import type { ContainerCreateOptions } from "dockerode";
import { CopiedOutput } from "../containers/copied-output.ts";
import {
  invalidImage,
  isWithoutImage,
  mayPass,
  RuntimeLost,
  runtimeAnswer,
  startFailure,
} from "../containers/failures.ts";
import { runLabel } from "../containers/machine-containers.ts";
import { MemoryWatch } from "../containers/memory-watch.ts";
import { isRunning, NamedContainer } from "../containers/named-container.ts";
import { closeFiles, type OutputFiles, type OutputPlace, openFiles } from "../containers/output-files.ts";
import { endRemains } from "../containers/remains.ts";
import type { ContainerRuntime } from "../containers/runtime.ts";
import { removeLeftVolumes } from "../containers/volumes.ts";
import { type ContainerEnd, pastEnd, type WatchedContainer, watchedEnd } from "../containers/watched-end.ts";
import { messageOf } from "../failure.ts";
import type { MemoryKill } from "../limits.ts";
import { useByRuntime } from "../run-use/runtime-accounts.ts";
import { mostOf } from "../run-use/use.ts";
import { type ContainerRecord, type Execution, type ExecutionRecord, NeverStarted } from "./executor.ts";

/** Where the output of a container goes, and who hears of it. */
export interface ContainedRun extends OutputPlace {
  readonly runId: string;
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

/** Without a body, which some runtimes would take for the container's input. */
const attaching = { _query: { stream: true, stdin: false, stdout: true, stderr: true }, _body: {}, hijack: true };

class Contained implements Execution {
  readonly isForgetful = true;
  readonly #run: ContainedRun;
  readonly #files: OutputFiles;
  readonly #means: Means;
  readonly #container: NamedContainer;
  readonly #output: CopiedOutput;
  #exit: Promise<number> = new Promise(() => {});
  #containerId = "";
  #hasEnded = false;
  #isStopped = false;
  /** Whether the runtime has failed meanwhile, and may have forgotten what belongs to the container. */
  #isForgotten = false;
  #memory: MemoryWatch | undefined;
  #memoryKill: MemoryKill | undefined;
  #used: RunUse = {};
  #releasing: Promise<void> | undefined;

  constructor(run: ContainedRun, name: string, files: OutputFiles, means: Means) {
    this.#run = run;
    this.#files = files;
    this.#means = means;
    this.#container = new NamedContainer(name, means);
    this.#output = new CopiedOutput(files, { ...means, runId: run.runId });
  }

  get exit(): Promise<number> {
    return this.#exit;
  }

  async start(body: ContainerCreateOptions): Promise<void> {
    const { api, kind } = await this.#means.runtime();
    const container = await api.createContainer(body);
    this.#containerId = container.id;
    this.#run.onChange({ containerId: container.id, state: "created" });
    try {
      const said = await container.attach(attaching);
      await container.start();
      this.#run.onChange({ containerId: container.id, state: "running" });
      this.#output.begin(said, body.Tty ?? false);
      this.#watchMemory(kind, body.HostConfig?.Memory);
      this.#settle(this.#watch());
    } catch (cause) {
      const error = runtimeAnswer(cause)?.reason ?? messageOf(cause);
      this.#run.onChange({ containerId: container.id, state: "created", error });
      this.#isForgotten ||= mayPass(cause);
      throw cause;
    }
  }

  /** Removes what could not be started, as soon as the runtime is there for it. */
  async undo(): Promise<void> {
    await this.#container.insist((container) => container.remove({ force: true, v: true }), [404]);
    if (!this.#isForgotten) return;
    const containerId = this.#containerId;
    const count = await endRemains(containerId, this.#means.clock);
    if (count > 0) this.#means.log.warn("the runtime had left processes", { containerId, count });
    await this.#removeVolumes();
  }

  async #removeVolumes(): Promise<void> {
    const { runtime, log } = this.#means;
    const { runId } = this.#run;
    try {
      await removeLeftVolumes(await runtime(), [runLabel, runId]);
    } catch (cause) {
      log.warn("volumes not removed", { runId, reason: messageOf(cause) });
    }
  }

  adopt(): void {
    this.#settle(this.#takeOver());
  }

  async stop(graceMilliseconds: number): Promise<void> {
    await this.look().catch(() => {});
    this.#isStopped = true;
    const t = Math.ceil(graceMilliseconds / 1000);
    await this.#container.insist((container) => container.stop({ t }), [304, 404]);
    await this.exit.catch(() => {});
  }

  async kill(): Promise<boolean> {
    this.#isStopped = true;
    if (!this.#hasEnded) await this.#container.insist((container) => container.kill({ signal: "SIGKILL" }), [404, 409]);
    await this.exit.catch(() => {});
    return true;
  }

  memoryKill(): MemoryKill | undefined {
    return this.#memoryKill;
  }

  async look(): Promise<void> {
    if (this.#hasEnded) return;
    const container = await this.#container.handle();
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

  async #takeOver(): Promise<number> {
    const found = await this.#container.find();
    this.#containerId = found?.Id ?? "";
    if (found === undefined || found.State.Status === "created") {
      this.#isForgotten = true;
      if (found) await this.undo();
      throw new NeverStarted("the container was never started");
    }
    this.#output.goOn(this.#container, found);
    if (!isRunning(found)) return this.#end(await pastEnd(this.#watched, found, this.#means));
    this.#run.onChange({ containerId: found.Id, state: "running" });
    const { kind } = await this.#means.runtime();
    this.#watchMemory(kind, found.HostConfig.Memory);
    return this.#watch();
  }

  #watchMemory(kind: ContainerRuntime["kind"], limitBytes = 0): void {
    if (kind === "docker" || limitBytes <= 0) return;
    const memory = new MemoryWatch(this.#containerId, limitBytes);
    this.#memory = memory;
    void this.#output.untilSaid().then(() => memory.look());
  }

  get #watched(): WatchedContainer {
    return {
      runId: this.#run.runId,
      container: this.#container,
      output: this.#output,
      isStopped: () => this.#isStopped,
    };
  }

  async #watch(): Promise<number> {
    return this.#end(await watchedEnd(this.#watched, this.#containerId, this.#means));
  }

  #end({ found, exitCode }: ContainerEnd): number {
    const error = found?.State.Error;
    const limitBytes = found?.HostConfig.Memory ?? 0;
    this.#memoryKill = found?.State.OOMKilled ? { limitBytes, peakBytes: limitBytes } : this.#memory?.kill;
    this.#run.onChange({ containerId: this.#containerId, state: "exited", ...(error ? { error } : {}) });
    return exitCode;
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
