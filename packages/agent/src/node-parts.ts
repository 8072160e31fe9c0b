import { chmod, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Clock, ControlGroupPlaces, Log } from "@kyanite/runtime";
import { type Boot, forgetBoot, readBoot, saveBoot } from "./boot.ts";
import { type Cgroups, openCgroups } from "./cgroups.ts";
import type { NodeConfig } from "./config.ts";
import type { MachineContainers } from "./containers/machine-containers.ts";
import { type NodeContainers, nodeContainers } from "./containers/node-containers.ts";
import { serviceSockets } from "./containers/runtime.ts";
import { processExecutor } from "./executors/process.ts";
import { type InterruptedRun, type Journal, type JournalContents, openJournal } from "./journal.ts";
import { type KeptFiles, openKeptFiles } from "./kept/queue.ts";
import { makeRoot, removeBelow, removeRoot } from "./node-root.ts";
import { openRetention, type Retention } from "./retention.ts";
import type { RunMeans } from "./run.ts";
import { openLookout } from "./run-use/lookout.ts";
import { createSharedDownloads } from "./shared-downloads.ts";
import { openPackageStore } from "./steps/application-packages.ts";
import { RecentDirectory } from "./task-files/recent-directory.ts";
import { openUsers, type Users } from "./user.ts";
import { withSudo } from "./walls/sudo.ts";
import { endNodeProcess, type KnownWalls, noWalls, openWalls, type Walls } from "./walls/walls.ts";

/** Beside the root: the runs, and the directories that are to be removed. */
const ledgerNames = ["runs.jsonl", "retention.jsonl"] as const;
/** What is kept of ended runs and is still to be sent. */
const keptName = "kept";

/** What a run is given besides, which is its own. */
type OfRun = "onContainer" | "onCoordinated" | "progress" | "keepProgress" | "elapsedSeconds" | "steps";
type Means = Omit<RunMeans, OfRun>;

/** What belongs to one node alone, and lasts as long as it is served. */
export interface NodeParts {
  readonly root: string;
  /** The node's own directory: its root is in it, and what its agent keeps about it. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly journal: Journal & { readonly contents: JournalContents };
  readonly cgroups: Cgroups;
  readonly walls: Walls;
  readonly users: Users;
  readonly containers: NodeContainers;
  readonly retention: Retention;
  readonly kept: KeptFiles;
  /** Since when it is up; kept for another agent. */
  boot(): Boot;
  keepBoot(change: Partial<Boot>): Promise<void>;
  /** What a former agent has begun and this one goes on with. */
  readonly interrupted: readonly InterruptedRun[];
  /** What its runs are given. */
  runMeans(): Means;
  /** Makes the root again, of which everything may have been removed. */
  begin(): Promise<void>;
  /** Whether others than root may pass through the node's directory, to the homes of its accounts. */
  openToAccounts(hasAccounts: boolean): Promise<void>;
  /** Lets go of everything, and ends what is left of it. */
  close(end: { readonly isRemoved: boolean; readonly erase: boolean }): Promise<void>;
}

interface PartMeans {
  readonly clock: Clock;
  readonly log: Log;
  readonly places: ControlGroupPlaces;
  /** Whether walls have been built on this machine: then a node's own are built when they are needed. */
  readonly known: KnownWalls;
  readonly machine: MachineContainers;
}

/** Opens what a node has in its directory and on its machine. */
export async function openParts(
  config: NodeConfig,
  { clock, log, places, known, machine }: PartMeans,
): Promise<NodeParts> {
  const { root } = config;
  const directory = dirname(root);
  const journal = await openJournal(join(directory, ledgerNames[0]));
  const former = await readBoot(directory);
  if (!former) await endNodeProcess(directory, clock);
  if (!former) for (const { order } of journal.contents.interrupted) journal.forget(order.runId);
  const left = leftBy(former ? journal.contents.interrupted : []);
  const cgroups = openCgroups(root, clock, places);
  await cgroups.clear(left.processes.flatMap(({ cgroup }) => cgroup ?? []));
  await makeRoot(root);
  const walls = await openWallsOf(config, { directory, clock, log, known });
  const users = await openUsers({ ...config, directory, walls, log });
  let boot = former ?? { bootTime: clock.now().toISOString(), accounts: [] };
  users.accounts.recall(boot.accounts);
  await saveBoot(directory, boot);
  const openToAccounts = doorOfAccounts(directory, { walls, users });
  await openToAccounts(false);
  const retention = await openRetention({
    file: join(directory, ledgerNames[1]),
    clock,
    log,
    remove: (below) => removeBelow(root, below),
  });
  const executor = processExecutor({ directory, cgroups, walls, clock });
  executor.keepOnly(left.processes);
  const containers = nodeContainers({ directory, root, shares: boot.shares ?? [], machine, clock, log });
  await containers.keepOnly(left.containers);
  const hasSudo = walls.obstacle === undefined || !users.managesUsers;
  const commandPath = hasSudo ? config.commandPath : await withSudo(config.commandPath, directory);
  const directories = new RecentDirectory(root);
  const kept = openKeptFiles({
    directory: join(directory, keptName),
    unreported: [...journal.contents.finished.map(({ runId }) => runId), ...left.runs.map(({ order }) => order.runId)],
    clock,
    log,
  });
  const { limitsOf } = cgroups;
  const lookout = openLookout({ clock, log });
  const lasting = { root, users, walls, clock, log, executor, containers, limitsOf, directories, kept, lookout };
  const makeMeans = () => meansOf(lasting, { ...config, commandPath });
  let means = await makeMeans();
  return {
    ...lasting,
    cgroups,
    directory,
    journal,
    interrupted: left.runs,
    boot: () => boot,
    async keepBoot(change) {
      boot = { ...boot, ...change };
      await saveBoot(directory, boot);
    },
    retention,
    openToAccounts,
    runMeans: () => means,
    async begin() {
      await makeRoot(root);
      means = await makeMeans();
    },
    async close({ isRemoved, erase }) {
      if (isRemoved) await users.accounts.removeAll();
      lookout.close();
      executor.close();
      directories.close();
      if (isRemoved) await containers.clear();
      else await containers.mounts.clear();
      await walls.end({ erase });
      await cgroups.clear();
      journal.close();
      await forgetBoot(directory);
    },
  };
}

const isThere = <Value>(value: Value | undefined): value is Value => value !== undefined;

/** What is made anew with the root. */
async function meansOf(lasting: Omit<Means, "downloads" | "packages" | "settings">, settings: Means["settings"]) {
  const downloads = await createSharedDownloads(lasting.root, lasting.clock);
  return { ...lasting, downloads, packages: await openPackageStore(lasting.root, downloads), settings };
}

/**
 * Programs that a node's administrators have given their own rights would give them to everybody of the machine who
 * can reach them. Inside its walls the node has another way in; only the homes of accounts are used from outside.
 */
function doorOfAccounts(directory: string, { walls, users }: Pick<Means, "walls" | "users">) {
  return async (hasAccounts: boolean) => {
    if (walls.obstacle === undefined && users.managesUsers) await chmod(directory, hasAccounts ? 0o711 : 0o700);
  };
}

/** What a former agent has left running. */
function leftBy(runs: readonly InterruptedRun[]) {
  const records = runs.flatMap(({ order, progress }) =>
    [progress.coordination, progress.command].filter(isThere).map((record) => ({ record, progress, ...order })),
  );
  return {
    runs,
    processes: records.map(({ record }) => record).filter((record) => record.kind !== "container"),
    containers: records.flatMap(({ record, progress, runId }) =>
      record.kind === "container" && !progress.end ? { runId, name: record.name } : [],
    ),
  };
}

async function openWallsOf(
  config: NodeConfig,
  means: { readonly directory: string } & Pick<PartMeans, "clock" | "log" | "known">,
): Promise<Walls> {
  const sockets = serviceSockets(config.containers);
  const walls = config.users === "off" ? noWalls("switched off") : await openWalls({ ...config, ...means, sockets });
  if (walls.obstacle !== undefined) means.log.info("tasks have no walls around them", { because: walls.obstacle });
  return walls;
}

/** Removes what an agent itself has made of a node. The rest beside the root belongs to whoever started the agent. */
export async function removeTraces(root: string): Promise<void> {
  await removeRoot(root);
  for (const name of [...ledgerNames, keptName, "shells", "exits"])
    await rm(join(dirname(root), name), { recursive: true, force: true });
}
