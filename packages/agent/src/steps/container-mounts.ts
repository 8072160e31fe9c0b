import { existsSync, realpathSync } from "node:fs";
import { join, normalize, relative } from "node:path";
import type { OrderedContainer } from "@kyanite/contract";
import {
  type ContainerMount,
  ContainerOptionError,
  containerVariable,
  isHarmlessSource,
  isOfNode,
} from "@kyanite/contract/container-options";
import { Directory, hasErrorCode } from "@kyanite/runtime";
import { closedBelow } from "../containers/closed-files.ts";
import type { ContainerBind } from "../containers/create-body.ts";
import { messageOf } from "../failure.ts";
import { isWithin, namesBetween } from "../paths.ts";
import { makeDirectories } from "../task-files/directories.ts";
import { findEntry } from "../task-files/entry.ts";
import type { TaskUser } from "../user.ts";
import type { RunContext } from "./step.ts";

type Environment = Readonly<Record<string, string>>;

/** With what variables of the task stand for. */
export const substituted = (value: string, environment: Environment) =>
  value.replace(containerVariable, (_, braced?: string, plain?: string) => environment[braced ?? plain ?? ""] ?? "");

/** Sources of the API, as directories of the node. */
const sources: Readonly<
  Record<NonNullable<OrderedContainer["mounts"]>[number]["source"], (paths: RunContext["paths"]) => string | undefined>
> = {
  Shared: ({ root }) => join(root, "shared"),
  Startup: ({ root }) => join(root, "startup"),
  VfsMounts: ({ root }) => join(root, "fsmounts"),
  Task: ({ task }) => task,
  JobPrep: ({ preparation }) => preparation,
  Applications: ({ root }) => join(root, "applications"),
};

/** What the container sees of its node without asking for it. */
export async function mountsOfNode(
  run: RunContext,
  { mounts: wanted }: OrderedContainer,
): Promise<readonly ContainerBind[]> {
  const { paths, order, containers } = run;
  const { mounts } = containers;
  if (wanted === undefined) return [bind(await mounts.ofRoot(), paths.root, false), ...sharesOf(run)];
  const found = wanted.map(async ({ source, isReadOnly }) => {
    const target = sources[source](paths);
    if (target === undefined) return [];
    const place = await mounts.of(target, { runId: order.runId, user: undefined });
    return [bind(place, target, isReadOnly), ...(source === "VfsMounts" ? sharesOf(run, isReadOnly) : [])];
  });
  return (await Promise.all(found)).flat();
}

const sharesOf = ({ containers }: RunContext, isReadOnly = false) =>
  containers.shares().map((directory) => bind(directory, directory, isReadOnly));

const bind = (source: string, target: string, isReadOnly: boolean): ContainerBind => ({
  kind: "bind",
  source,
  target,
  isReadOnly,
  details: {},
});

/**
 * A mount that the options ask for. What lies below the node's root is looked for there; the service has seen to it that
 * anything else of the machine is asked for only by who may have it. Volumes with names are the node's own.
 */
export async function bindOf(mount: ContainerMount, run: RunContext, environment: Environment): Promise<ContainerBind> {
  const { paths, order, user, containers } = run;
  const { source } = mount;
  const target = substituted(mount.target, environment);
  if (mount.kind !== "bind" || source === undefined)
    return { ...mount, target, source: source && `${containers.volumePrefix}${substituted(source, environment)}` };
  const path = normalize(substituted(source, environment));
  const isBelow = isWithin(paths.root, path);
  if (!isBelow && isOfNode(source)) throw new ContainerOptionError(`${source} leads out of the compute node's root`);
  if (!path.startsWith("/")) throw new ContainerOptionError(`${source} is no absolute path`);
  if (isBelow) {
    if (mount.makesSource) makeUnlessThere(path, run);
    return { ...mount, target, source: await placeOf(path, { runId: order.runId, user }, run) };
  }
  if (existsSync(path)) return { ...mount, target, source: path };
  // Where docker would make it, what can only be read is as good an empty directory of the container's own.
  if (mount.makesSource && mount.isReadOnly) return { ...mount, kind: "tmpfs", target, source: undefined };
  throw new ContainerOptionError(`There is no ${path} on the machine of the compute node`);
}

const mostCovers = 100;

/**
 * What hides from root of a container what no user of the machine may read, where everybody may ask for a mount.
 * @param bound a mount that {@link bindOf} has made of it
 */
export function coversOf(
  { kind, source }: ContainerMount,
  bound: ContainerBind,
  { containers }: RunContext,
): readonly ContainerBind[] {
  if (kind !== "bind" || bound.kind !== "bind" || source === undefined || !isHarmlessSource(source)) return [];
  const place = realpathSync.native(source);
  const closed = closedBelow(place);
  if (closed === undefined || closed.length > mostCovers)
    throw new ContainerOptionError(`${source} holds what not everybody may read`);
  return closed.map(({ path, isDirectory }) => {
    const cover = isDirectory ? containers.mounts.empty() : "/dev/null";
    return bind(cover, join(bound.target, relative(place, path)), true);
  });
}

function makeUnlessThere(path: string, { paths, user }: RunContext): void {
  try {
    using _ = findEntry(namesBetween(paths.root, path), { root: paths.root, followsLast: true });
  } catch (cause) {
    if (!hasErrorCode(cause, "ENOENT")) throw cause;
    using root = Directory.open(paths.root);
    makeDirectories(root, namesBetween(paths.root, path), { user }).close();
  }
}

async function placeOf(
  path: string,
  who: { readonly runId: string; readonly user: TaskUser | undefined },
  run: RunContext,
) {
  const { mounts } = run.containers;
  try {
    return await mounts.of(path, who);
  } catch (cause) {
    throw new ContainerOptionError(`${path} cannot be mounted: ${messageOf(cause)}`);
  }
}
