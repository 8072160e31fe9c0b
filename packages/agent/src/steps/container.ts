import { fchmodSync, readFileSync } from "node:fs";
import { join, normalize } from "node:path";
import type { OrderedContainer } from "@kyanite/contract";
import { splitCommandLine } from "@kyanite/contract/command-line";
import {
  type ContainerOption,
  ContainerOptionError,
  givesRights,
  mountOf,
  parseContainerOptions,
} from "@kyanite/contract/container-options";
import { boundedLog } from "../containers/copied-output.ts";
import { type ContainerBind, createBody } from "../containers/create-body.ts";
import { invalidSettings, startFailure } from "../containers/failures.ts";
import type { PullPolicy } from "../containers/images.ts";
import { runLabel } from "../containers/machine-containers.ts";
import type { ContainerRuntime } from "../containers/runtime.ts";
import type { ContainedCommand, ContainedRun } from "../executors/container.ts";
import type { Execution, ExecutionRecord } from "../executors/executor.ts";
import type { InstanceEnd } from "../executors/instance-container.ts";
import { messageOf, StepFailure } from "../failure.ts";
import { isWithin, namesBetween } from "../paths.ts";
import { findEntry, Unreachable } from "../task-files/entry.ts";
import { openFile } from "../task-files/plain-file.ts";
import { mayRead } from "../task-files/rights.ts";
import type { TaskUser } from "../user.ts";
import { bindOf, coversOf, mountsOfNode, substituted } from "./container-mounts.ts";
import type { PreparedRun, RunContext } from "./step.ts";

interface Wanted {
  readonly commandLine: string;
  /** What the names of its output files begin with. */
  readonly output: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Where the output goes of a run in a container, and who hears of the container. */
export function containedRun(run: PreparedRun, output: string): ContainedRun {
  const { order, paths, user, taskDirectory, containers } = run;
  return {
    runId: order.runId,
    taskDirectory,
    stdout: join(paths.task, `${output}stdout.txt`),
    stderr: join(paths.task, `${output}stderr.txt`),
    user,
    onChange: run.onContainer,
    onRelease: () => containers.mounts.release(order.runId),
  };
}

/** Starts a command of the run in a container; an image that has gone since it was last seen is fetched again. */
export async function startContained(
  run: PreparedRun,
  container: OrderedContainer,
  wanted: Wanted,
  onLaunch: (record: ExecutionRecord) => void,
): Promise<Execution> {
  const { order, containers, signal } = run;
  const executor = order.coordinationCommandLine === undefined ? containers.executor : containers.instances;
  const start = async () => {
    const command = await containedCommand(run, container, wanted);
    signal.throwIfAborted();
    return executor.start(command, onLaunch);
  };
  try {
    return await start();
  } catch (cause) {
    const isGone = cause instanceof StepFailure && cause.failure.code === "ContainerInvalidImage";
    if (!isGone || !containers.images.forget(container.imageName)) throw cause;
    return start();
  }
}

/**
 * The container for a command of the run; its image is there.
 * @throws StepFailure with the documented code and what is wrong
 */
async function containedCommand(
  run: PreparedRun,
  container: OrderedContainer,
  wanted: Wanted,
): Promise<ContainedCommand> {
  const { order, paths, containers } = run;
  const { runOptions } = container;
  try {
    const options = parseContainerOptions(runOptions).map((option) => ({
      ...option,
      value: substituted(option.value, wanted.environment),
      mount: mountOf(option),
    }));
    const image = await imageFor(run, container, options);
    const runtime = await containers.runtime();
    const mounts = [...(await mountsOfNode(run, container))];
    // One after the other: each takes a program.
    for (const mount of options.flatMap((option) => option.mount ?? [])) {
      const bound = await bindOf(mount, run, wanted.environment);
      mounts.push(bound, ...(runtime.isRootless ? [] : coversOf(mount, bound, run)));
    }
    const inside = userInside(run.user, runtime);
    if (lastOf(options, "user") !== undefined) openToOthers(run);
    const body = createBody({
      kind: runtime.kind,
      isRootless: runtime.isRootless,
      image,
      options,
      name: `kyanite-${order.runId}`,
      args: splitCommandLine(wanted.commandLine),
      environment: {
        ...environmentInside(run, wanted.environment, mounts),
        ...(await variablesOfFiles(run, options, wanted.environment)),
      },
      ...inside,
      directory: container.workingDirectory === "taskWorkingDirectory" ? paths.working : undefined,
      network: container.isOnHostNetwork ? "host" : containers.network,
      mounts,
      limits: run.limitsOf(order.slots),
      gpus: runtime.gpus,
      labels: { ...containers.labels, [runLabel]: order.runId },
      log: boundedLog(runtime),
    });
    return { ...containedRun(run, wanted.output), body: { ...body, name: body.name ?? "" }, settings: runOptions };
  } catch (cause) {
    await containers.mounts.release(order.runId);
    if (cause instanceof ContainerOptionError || cause instanceof Unreachable)
      throw invalidSettings(runOptions, cause.message, cause);
    throw cause;
  }
}

/** Sees to it that the image is there; what was there a moment ago is not asked for. */
async function imageFor(
  { order, containers, signal }: RunContext,
  { imageName, registries, runOptions }: OrderedContainer,
  options: readonly ContainerOption[],
): Promise<string> {
  const { images } = containers;
  const [policy, platform] = [policyOf(lastOf(options, "pull")), lastOf(options, "platform")];
  const isPlain = policy === "missing" && platform === undefined && order.coordinationCommandLine === undefined;
  const recent = isPlain ? images.recent(imageName) : undefined;
  if (recent !== undefined) return recent;
  await containers.whenReady(signal);
  return images.ensure({ imageName, registries, platform }, { policy, signal }).catch(async (cause: unknown) => {
    throw await startFailure(cause, runOptions, () => containers.whenReady(signal));
  });
}

/** How the container of an instance ends. */
export const endOfContainer = ({ order, containers, settings, onContainer }: RunContext): InstanceEnd => ({
  label: `${runLabel}=${order.runId}`,
  graceMilliseconds: 1_000 * settings.killGraceSeconds,
  onChange: onContainer,
  onRelease: () => containers.mounts.release(order.runId),
});

const lastOf = (options: readonly ContainerOption[], flag: ContainerOption["flag"]) =>
  options.findLast((option) => option.flag === flag)?.value;

function policyOf(value: string | undefined): PullPolicy {
  return value === "always" || value === "never" ? value : "missing";
}

/** Who the command is inside, unless the options name somebody. */
function userInside(user: TaskUser | undefined, { isRootless }: ContainerRuntime) {
  const own = process.getuid?.() ?? 0;
  // Root of a rootless runtime is the agent's own user.
  if (isRootless) return { user: "0:0", isNeverRoot: false };
  if (user) return { user: `${user.uid}:${user.gid}`, isNeverRoot: user.isNeverRoot === true };
  return { user: `${own}:${process.getgid?.() ?? own}`, isNeverRoot: own !== 0 };
}

/** Some image's user can write the working directory as well, and enter what is above it. */
function openToOthers({ taskDirectory }: PreparedRun): void {
  fchmodSync(taskDirectory.fd, 0o775);
  using working = taskDirectory.enter("wd");
  fchmodSync(working.fd, 0o777);
}

/** As whom the output files are read: who was another user inside may have left files that the task's cannot read. */
export function readerOfOutputs({ order, user }: Pick<RunContext, "order" | "user">): TaskUser | undefined {
  if (order.container === undefined) return user;
  return parseContainerOptions(order.container.runOptions).some(givesRights) ? undefined : user;
}

/** The image knows best where its programs are, and its language; without the working directory it is no home. */
function environmentInside(
  { order, paths }: RunContext,
  environment: Readonly<Record<string, string>>,
  mounts: readonly ContainerBind[],
): Readonly<Record<string, string>> {
  const hasHome = mounts.some(({ target }) => isWithin(target, paths.working));
  const ofMachine = ["PATH", "LANG", "SHELL", ...(hasHome ? [] : ["HOME"])];
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !ofMachine.includes(name) || name in order.environment),
  );
}

/** What files of the node say, as `--env-file` names them. */
async function variablesOfFiles(
  { paths, user }: RunContext,
  options: readonly ContainerOption[],
  environment: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>>> {
  const variables: Record<string, string> = {};
  for (const { value } of options.filter(({ flag }) => flag === "env-file")) {
    for (const line of readLines(normalize(value), paths.root, user)) {
      const [name = "", ...rest] = line.split("=");
      if (/^\s*(?:#|$)/.test(line)) continue;
      variables[name] = rest.length > 0 ? rest.join("=") : (environment[name] ?? "");
    }
  }
  return variables;
}

const mostFileBytes = 1_000_000;

function readLines(path: string, root: string, user: TaskUser | undefined): readonly string[] {
  if (!isWithin(root, path)) throw new ContainerOptionError(`${path} is not below the compute node's root`);
  try {
    using entry = findEntry(namesBetween(root, path), { root, followsLast: true, user });
    using file = openFile(entry.directory, entry.name ?? "");
    if (user && !mayRead(file.stat, user)) throw new ContainerOptionError(`${path} may not be read by the task's user`);
    if (file.stat.size > mostFileBytes) throw new ContainerOptionError(`${path} is too large`);
    return readFileSync(file.fd, "utf8").split("\n");
  } catch (cause) {
    if (cause instanceof ContainerOptionError) throw cause;
    throw new ContainerOptionError(`${path} cannot be read: ${messageOf(cause)}`);
  }
}
