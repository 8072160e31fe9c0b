import { type ChildProcessByStdio, spawn } from "node:child_process";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import {
  type Clock,
  Directory,
  hasErrorCode,
  type IdRange,
  isRunning,
  type Log,
  type ProcessRecord,
  processRecord,
  readRunningProcess,
  removeTree,
  signalProcess,
  waitUntil,
  writeFileAtomically,
} from "@kyanite/runtime";
import { findTool } from "../tool.ts";
import type { TaskUser } from "../user.ts";
import { type Entrance, enterAsOneself, enterAsUser, enterWithRights, unreadableShell } from "./entrances.ts";
import { type MayPass, pathWithin } from "./path-within.ts";
import { closedPlaces, seenDirectories } from "./places.ts";
import { wallsScript } from "./script.ts";

/**
 * The walls of a node: namespaces in which of the machine's processes and of the data directory only its own exist. One
 * process holds them; when it ends everything inside dies with it.
 */
export interface Walls {
  /** Why there are none; undefined when there are. */
  readonly obstacle: string | undefined;
  /** Changes when the node is built anew: what was started inside before is gone. */
  readonly age: number;
  /** The first process inside, as the machine calls it. */
  readonly pid: number | undefined;
  /** Builds the node when it is not there: at first, and should its first process have been killed. */
  ready(): Promise<void>;
  /** A shell that a user who can never become root may start. */
  readonly shell: string;
  /**
   * Whether a program of the user is inside the process namespace itself, so that others there may signal it. Any other
   * is outside, where no task sees it, and what it starts is inside.
   */
  startsInside(user: TaskUser | undefined): boolean;
  /**
   * What an agent has to start, so that in the end the program is started inside.
   * @param directory where one begins that is inside
   */
  enter(program: string, args: readonly string[], user: TaskUser | undefined, directory?: string): Entrance;
  /**
   * Where the agent finds what the node sees at this path, only to look at it; undefined when nothing is there for
   * somebody who may pass through certain directories.
   */
  see(path: string, mayPass?: MayPass): string | undefined;
  /** Lets the node see these directories of the machine, at their own paths, to read and write. */
  share(directories: readonly string[]): Promise<void>;
  /** Ends everything inside. With `erase` what was changed outside the node's root is forgotten. */
  end(options?: { readonly erase: boolean }): Promise<void>;
}

export interface WallsOptions {
  /** Where the agent keeps what is its own; the node's root is in it. */
  readonly directory: string;
  readonly root: string;
  /** What of the machine no task may see. */
  readonly hidden: string;
  /** Of services that start programs outside, where there are such: no task may speak to them. */
  readonly sockets: readonly string[];
  readonly userIds: IdRange;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether any have been built on this machine: then these are built when they are needed. */
  readonly known?: KnownWalls;
}

/** What the nodes of a host have in common. */
export interface KnownWalls {
  /** Whether walls have been built on this machine. */
  wallsStand: boolean;
  /** Bounds how many are built at the same time: each takes a hundred short programs. */
  build<Result>(work: () => Promise<Result>): Promise<Result>;
}

const entering = ["unshare", "nsenter", "setpriv", "dash"] as const;
/** What the first process of a node uses besides. */
const building = ["mount", "umount", "pivot_root", "find", "sed", "sleep"];

/** Walls where the machine lets us have them, else none. */
export async function openWalls(options: WallsOptions): Promise<Walls> {
  if (process.platform !== "linux") return noWalls("only Linux has namespaces");
  const missing = [...entering, ...building].find((tool) => findTool(tool) === undefined);
  if (missing !== undefined) return noWalls(`there is no program ${missing}`);
  try {
    await mkdir(options.root, { recursive: true });
    // Whoever builds a machine below a directory must not follow links, which lead back out of it.
    const real = (path: string) => realpathSync.native(path);
    const places = { directory: real(options.directory), root: real(options.root), hidden: real(options.hidden) };
    const walls = new NodeWalls({ ...options, ...places });
    await walls.recall();
    if (!options.known?.wallsStand) await walls.ready();
    if (options.known) options.known.wallsStand = true;
    return walls;
  } catch (cause) {
    return noWalls(cause instanceof Error ? cause.message : String(cause));
  }
}

const seeMachine = (path: string, mayPass?: MayPass) => (mayPass ? pathWithin("/", path, mayPass) : path);

/** Programs are started as they are, as the user that is asked for. */
export function noWalls(obstacle: string): Walls {
  return {
    obstacle,
    age: 0,
    pid: undefined,
    shell: "/bin/dash",
    startsInside: () => false,
    ready: async () => {},
    enter: (program, args, user) => ({ program, args, ids: user ? { uid: user.uid, gid: user.gid } : {} }),
    see: seeMachine,
    share: async () => {},
    end: async () => {},
  };
}

const recordIn = (directory: string) => join(directory, "node-process.json");
const killMilliseconds = 5_000;

/** Ends what the agent of a node has left inside its walls, should it have been killed. */
export async function endNodeProcess(directory: string, clock: Clock): Promise<void> {
  const left = await readRunningProcess(recordIn(directory));
  if (left) await kill(left, clock);
  await rm(recordIn(directory), { force: true });
}

async function kill(node: ProcessRecord, clock: Clock): Promise<void> {
  signalProcess(node, "SIGKILL");
  await waitUntil(() => !isRunning(node), { clock, timeoutMilliseconds: killMilliseconds });
}

const path = (tool: (typeof entering)[number]) => findTool(tool) ?? tool;

class NodeWalls implements Walls {
  readonly obstacle = undefined;
  readonly #options: WallsOptions;
  readonly #tools = {
    unshare: path("unshare"),
    nsenter: path("nsenter"),
    setpriv: path("setpriv"),
    dash: path("dash"),
  };
  readonly #isRoot = process.getuid?.() === 0;
  #shares: readonly string[] = [];
  #age = 0;
  #process: ProcessRecord | undefined;
  #building: Promise<void> | undefined;

  constructor(options: WallsOptions) {
    this.#options = options;
  }

  get age(): number {
    return this.#age;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Goes on with what a former agent has built. */
  async recall(): Promise<void> {
    const file = recordIn(this.#options.directory);
    this.#process = await readRunningProcess(file);
    if (!this.#process) return;
    const { shares }: { shares: readonly string[] } = JSON.parse(readFileSync(file, "utf8"));
    this.#shares = shares;
    this.#age += 1;
  }

  ready(): Promise<void> {
    if (this.#process !== undefined && isThere(this.#process.pid)) return Promise.resolve();
    const build = this.#options.known?.build ?? ((work) => work());
    this.#building ??= build(() => this.#build()).finally(() => {
      this.#building = undefined;
    });
    return this.#building;
  }

  enter(program: string, args: readonly string[], user: TaskUser | undefined, directory = "/"): Entrance {
    const target = { pid: this.#process?.pid ?? 0, tools: this.#tools };
    const command = [program, ...args] as const;
    if (!this.#isRoot) return enterAsOneself(target, command);
    if (user?.isNeverRoot) return enterAsUser(target, command, user);
    return enterWithRights(target, command, user, directory);
  }

  startsInside(user: TaskUser | undefined): boolean {
    return this.#isRoot && !user?.isNeverRoot;
  }

  get shell(): string {
    return this.#isRoot ? unreadableShell : this.#tools.dash;
  }

  see(path: string, mayPass?: MayPass): string | undefined {
    // An ordinary user's node has no files that the machine has not.
    if (!this.#isRoot || !this.#process) return seeMachine(path, mayPass);
    return pathWithin(`/proc/${this.#process.pid}/root/node`, path, mayPass);
  }

  async share(directories: readonly string[]): Promise<void> {
    // An ordinary user's node sees them anyway.
    const isSame = directories.join("\0") === this.#shares.join("\0");
    if (!this.#isRoot || isSame) return;
    this.#shares = directories;
    await this.end();
    await this.ready();
  }

  async end({ erase } = { erase: false }): Promise<void> {
    await this.#building?.catch(() => {});
    const { directory, clock } = this.#options;
    if (this.#process) await kill(this.#process, clock);
    this.#process = undefined;
    await rm(recordIn(directory), { force: true });
    if (erase) await this.#forgetChanges();
  }

  async #forgetChanges(): Promise<void> {
    using directory = Directory.open(this.#options.directory);
    for (const name of ["changes", "tmp", "machine"]) await removeTree(directory, name);
  }

  /** A machine that an administrator of the node has changed so that it cannot be built again is made anew. */
  async #build(): Promise<void> {
    const { directory, log } = this.#options;
    try {
      await this.#start();
    } catch (cause) {
      if (!this.#isRoot || !existsSync(join(directory, "changes", "made"))) throw cause;
      log.warn("what tasks have changed outside the node's root is forgotten", { cause });
      await this.#forgetChanges();
      await this.#start();
    }
  }

  async #start(): Promise<void> {
    const { directory, root, hidden, userIds } = this.#options;
    const closed = closedPlaces(this.#options.sockets, hidden);
    const mountInfo = readFileSync("/proc/self/mountinfo", "utf8");
    const seen = this.#isRoot ? seenDirectories(mountInfo, { hidden, shares: this.#shares }) : [];
    const places = [directory, hidden, root, String(userIds.first), String(userIds.last)];
    const script = [wallsScript(this.#isRoot), "kyanite-node", ...places];
    const user = this.#isRoot ? [] : ["--user", "--map-current-user", "--keep-caps"];
    const spaces = ["--mount", "--pid", "--ipc", "--fork", "--kill-child"];
    const args = [
      ...user,
      ...spaces,
      this.#tools.dash,
      "-c",
      ...script,
      ...seen.flatMap((s) => [s.access, s.path]),
      ...closed,
    ];
    const node = await startNodeProcess(spawnTool(this.#tools.unshare, args, root));
    // Written before anything is started inside: should we be killed now, it must be found.
    await writeFileAtomically(recordIn(directory), JSON.stringify({ ...node, shares: this.#shares }));
    this.#age += 1;
    this.#process = node;
  }
}

/** Asked before each run, so it must cost next to nothing. */
function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return hasErrorCode(error, "EPERM");
  }
}

type NodeProcess = ChildProcessByStdio<null, Readable, Readable>;

function spawnTool(program: string, args: readonly string[], root: string): NodeProcess {
  // By the root it is found when the agent and its record are gone.
  const environment = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C", KYANITE_NODE_ROOT: root };
  return spawn(program, args, { cwd: "/", env: environment, detached: true, stdio: ["ignore", "pipe", "pipe"] });
}

/**
 * Waits until a node's first process says that its machine is built.
 * @throws with what it says instead
 */
async function startNodeProcess(child: NodeProcess): Promise<ProcessRecord> {
  const said: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => said.push(text));
  const pid = await new Promise<number>((resolve, reject) => {
    const refuse = () => reject(new Error(said.join("").trim().split("\n").at(-1) || "unshare failed"));
    child.once("error", reject).once("close", refuse);
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const match = /^ready (\d+)\n$/.exec(text);
      if (match) resolve(Number(match[1]));
      else reject(new Error(`the node's process says ${JSON.stringify(text.slice(0, 100))}`));
    });
  });
  const record = processRecord(pid);
  if (record === undefined) throw new Error("the node's process has ended");
  return record;
}
