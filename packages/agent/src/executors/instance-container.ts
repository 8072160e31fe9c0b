import type { RunUse } from "@kyanite/contract";
import type { Clock, Log } from "@kyanite/runtime";
import type { Container, ContainerCreateOptions, Exec } from "dockerode";
import { isKnown, RuntimeLost, runtimeAnswer, startFailure } from "../containers/failures.ts";
import { fileWriter, outputTaker } from "../containers/output.ts";
import { closeFiles, type OutputFiles, openFiles } from "../containers/output-files.ts";
import type { ContainerRuntime } from "../containers/runtime.ts";
import { messageOf } from "../failure.ts";
import { useByRuntime } from "../run-use/runtime-accounts.ts";
import { mostOf } from "../run-use/use.ts";
import type { ContainedCommand, ContainedRun } from "./container.ts";
import { type ContainerRecord, type Execution, type ExecutionRecord, NeverStarted } from "./executor.ts";

/**
 * The container of an instance of a multi-instance task: what its coordination command has left running in it is still
 * there while its command runs. So its first process is a shell of ours, which waits, and both commands join it.
 */
export interface InstanceContainers {
  /** Starts a command in the instance's container, which is made for the first. */
  start(command: ContainedCommand, onLaunch: (record: ExecutionRecord) => void): Promise<Execution>;
  adopt(run: ContainedRun, record: ContainerRecord): Execution;
  /** Ends the container with all that is in it. */
  end(instance: InstanceEnd): Promise<void>;
}

export interface InstanceEnd extends Pick<ContainedRun, "onChange" | "onRelease"> {
  /** By which the container is found. */
  readonly label: string;
  readonly graceMilliseconds: number;
}

interface Means {
  readonly runtime: () => Promise<ContainerRuntime>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Told to end, it tells everybody else in the container. */
const waiting = `trap 'trap "" TERM; kill -TERM -1; wait; exit 0' TERM; while :; do sleep 3600 & wait $!; done`;

export function instanceContainers(means: Means): InstanceContainers {
  const { runtime, log } = means;
  const containerOf = async (command: ContainedCommand) => {
    const { api } = await runtime();
    const found = api.getContainer(command.body.name);
    if (await isKnown(found)) return found;
    const container = await api.createContainer(waitingBody(command.body));
    await container.start();
    command.onChange({ containerId: container.id, state: "running" });
    return container;
  };
  return {
    async start(command, onLaunch) {
      const files = openFiles(command, "emptied");
      try {
        const container = await containerOf(command);
        const { Tty = false } = command.body;
        const exec = await container.exec({
          Cmd: await wholeCommand(command.body, runtime),
          AttachStdout: true,
          AttachStderr: true,
          Tty,
        });
        onLaunch({
          kind: "container",
          name: command.body.name,
          since: means.clock.now().toISOString(),
          execId: exec.id,
        });
        const said = await exec.start({ hijack: true, stdin: false, Tty });
        void copy(said, files, Tty).catch((cause: unknown) => log.warn("output lost", { reason: messageOf(cause) }));
        return executionOf(exec, container, means);
      } catch (cause) {
        closeFiles(files);
        throw await startFailure(cause, command.settings, runtime);
      }
    },
    adopt(run, { name, execId = "" }) {
      log.warn("output of a former agent's command is lost", { runId: run.runId });
      const found = runtime().then(({ api }) => ({ exec: api.getExec(execId), container: api.getContainer(name) }));
      return adoptedExecution(found, means);
    },
    async end({ label, onChange, onRelease, graceMilliseconds }) {
      try {
        const { api } = await runtime();
        for (const { Id } of await api.listContainers({ all: true, filters: { label: [label] } })) {
          await endOf(api.getContainer(Id), graceMilliseconds);
          onChange({ containerId: Id, state: "exited" });
        }
        await onRelease();
      } catch (cause) {
        log.error("container not removed", { label, reason: messageOf(cause) });
      }
    },
  };
}

const waitingBody = (body: ContainerCreateOptions): ContainerCreateOptions => ({
  ...body,
  Entrypoint: ["/bin/sh", "-c"],
  Cmd: [waiting],
});

/** The entry point stays in front of a command, as if it were the container's first process. */
async function wholeCommand(
  { Image = "", Entrypoint, Cmd }: ContainerCreateOptions,
  runtime: Means["runtime"],
): Promise<string[]> {
  const { api } = await runtime();
  const { Config } = await api.getImage(Image).inspect();
  const entry = Entrypoint ?? Config.Entrypoint ?? [];
  const own = Entrypoint === undefined ? (Config.Cmd ?? []) : [];
  return [...(typeof entry === "string" ? [entry] : entry), ...(Cmd ?? own)].filter(
    (word, index) => index > 0 || word !== "",
  );
}

async function copy(said: AsyncIterable<unknown>, files: OutputFiles, hasTerminal: boolean): Promise<void> {
  try {
    const write = fileWriter({ stdout: files.stdout.fd, stderr: files.stderr.fd });
    const take = outputTaker(write, hasTerminal);
    for await (const chunk of said) if (Buffer.isBuffer(chunk)) take(chunk);
  } finally {
    closeFiles(files);
  }
}

const executionOf = (exec: Exec, container: Container, means: Means) =>
  adoptedExecution(Promise.resolve({ exec, container }), means);

function adoptedExecution(
  found: Promise<{ readonly exec: Exec; readonly container: Container }>,
  means: Means,
): Execution {
  const exit = found.then(({ exec }) => untilOver(exec, means.clock));
  exit.catch(() => {});
  let used: RunUse = {};
  const stop = async (graceMilliseconds: number) => {
    const { container } = await found;
    await endOf(container, graceMilliseconds);
    await exit.catch(() => {});
  };
  return {
    exit,
    stop,
    // What it has left ends with the container.
    kill: async () => true,
    memoryKill: () => undefined,
    look: async () => {
      const { container } = await found;
      used = mostOf(used, useByRuntime(await container.stats({ stream: false, "one-shot": true })));
    },
    use: () => used,
    isForgetful: true,
    release: async () => {},
  };
}

const shortestPause = 20;
const longestPause = 250;

/** What the command has left in the background may hold its output open, so the runtime is asked again and again. */
async function untilOver(exec: Exec, clock: Clock): Promise<number> {
  for (let pause = shortestPause; ; pause = Math.min(1.5 * pause, longestPause)) {
    const { Running, ExitCode, Pid } = await exec.inspect().catch((cause: unknown) => {
      throw new RuntimeLost(runtimeAnswer(cause)?.reason ?? messageOf(cause));
    });
    if (!Running && ExitCode !== null) return ExitCode;
    if (!Running && !Pid) throw new NeverStarted("the command was never started");
    await clock.sleep(pause);
  }
}

/** Removes a container after it was told to end. */
async function endOf(container: Container, graceMilliseconds: number): Promise<void> {
  try {
    await container.stop({ t: Math.ceil(graceMilliseconds / 1000) }).catch((cause: unknown) => {
      if (runtimeAnswer(cause)?.statusCode !== 304) throw cause;
    });
    await container.remove({ force: true, v: true });
  } catch (cause) {
    if (runtimeAnswer(cause)?.statusCode !== 404) throw cause;
  }
}
