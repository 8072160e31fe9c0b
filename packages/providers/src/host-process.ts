import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  type Clock,
  hasErrorCode,
  type Log,
  type ProcessRecord,
  readRunningProcess,
  type StopOutcome,
  type Supervision,
  signalProcess,
  startBackgroundProcess,
  stopProcessGroup,
  supervise,
  waitUntil,
  writeFileAtomically,
} from "@kyanite/runtime";

export interface HostProcessOptions {
  /** The host's own: what it shall do, what it has done, and its log. */
  readonly directory: string;
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Log;
}

/** What is wanted of a node, as the agent reads it. Each wish has a higher generation than those before. */
interface WantedNode {
  readonly state: "running" | "halted" | "removed";
  readonly generation: number;
  readonly userIds?: string;
}

/** What has become of a wish, as the agent writes it. `ended`: by itself. */
interface NodeStanding {
  readonly state: WantedNode["state"] | "failed" | "ended";
  readonly generation: number;
  readonly reason?: string;
}

/** Longer than an agent takes to end its tasks. */
const stopMilliseconds = 10_000;
/** Whoever does not touch a file for so long, which it should every second, is frozen. */
const pulseMilliseconds = 5_000;
/** Whoever has touched nothing yet so long after its start, which takes long on a busy machine, is frozen too. */
const startMilliseconds = 30_000;

/**
 * The agent process of a host on this machine. What it shall do is in a file that it follows, and what has become of
 * that in another: so either side may be killed at any moment, and the other goes on when it is back.
 */
export class HostProcess {
  readonly #options: HostProcessOptions;
  #wanted = new Map<string, WantedNode>();
  readonly #nodes = new Set<string>();
  #standings: Readonly<Record<string, NodeStanding>> = {};
  #generation = 0;
  #supervision: Supervision | undefined;
  #process: ProcessRecord | undefined;
  #launchedAt = Number.NEGATIVE_INFINITY;
  #killed: ProcessRecord | undefined;
  #starting: Promise<void> | undefined;
  #looking: Promise<void> | undefined;
  #writing: Promise<void> = Promise.resolve();
  #isWritten = true;

  constructor(options: HostProcessOptions) {
    this.#options = options;
  }

  get logFile(): string {
    return this.#place("agent.log");
  }

  /** Goes on with the process that an earlier server has left, if it runs; otherwise none of its nodes does. */
  async recall(): Promise<void> {
    const wanted = Object.entries(await this.#read<Record<string, WantedNode>>("wanted.json"));
    this.#generation = Math.max(0, ...wanted.map(([, { generation }]) => generation));
    this.#process = await readRunningProcess(this.#place("agent.json"));
    if (!this.#process) return;
    this.#wanted = new Map(wanted);
    for (const [nodeId] of wanted) this.#nodes.add(nodeId);
    if ((await this.#readText("launch")) !== (await this.#launchMark()) && signalProcess(this.#process, "SIGKILL"))
      this.#options.log.info("an agent of another version or with other settings is replaced");
    this.#supervise(this.#process);
  }

  /** Tells an agent that would be started now from one that other files were for, or other settings. */
  async #launchMark(): Promise<string> {
    const { command, environment } = this.#options;
    const written = await lastChange(dirname(command.at(-1) ?? ""));
    return createHash("sha256").update(JSON.stringify({ command, environment, written })).digest("hex");
  }

  /** How many nodes it has, or shall have. */
  get size(): number {
    return this.#nodes.size;
  }

  has(nodeId: string): boolean {
    return this.#nodes.has(nodeId);
  }

  /** From now on the node is this host's, whatever is asked for it. */
  claim(nodeId: string): this {
    this.#nodes.add(nodeId);
    return this;
  }

  /** Whether a node runs, or will when the agent is back that was killed. */
  async isServed(nodeId: string): Promise<boolean> {
    const wanted = this.#wanted.get(nodeId);
    if (wanted?.state !== "running" || !this.#supervision) return false;
    await this.#look();
    const standing = this.#standings[nodeId];
    return standing?.generation !== wanted.generation || standing.state === "running";
  }

  /**
   * Asks for something, and waits until it is so.
   * @returns why it is not
   */
  async ask(
    nodeId: string,
    wish: Omit<WantedNode, "generation">,
    timeoutMilliseconds: number,
  ): Promise<string | undefined> {
    await mkdir(this.#options.directory, { recursive: true });
    this.#generation += 1;
    const generation = this.#generation;
    this.#wanted.set(nodeId, { ...wish, generation });
    await this.#write();
    await this.#start();
    const standing = () => this.#standings[nodeId];
    const isDone = async () => {
      await this.#look();
      return (standing()?.generation ?? 0) >= generation;
    };
    const wait = (milliseconds: number) =>
      waitUntil(isDone, { clock: this.#options.clock, timeoutMilliseconds: milliseconds });
    const first = Math.min(timeoutMilliseconds, pulseMilliseconds);
    if ((await wait(first)) || (wish.state !== "running" && (await this.#thaw(() => wait(timeoutMilliseconds)))))
      return standing()?.state === "failed" ? (standing()?.reason ?? "it has failed") : undefined;
    // One that is only slow counts as ready: the service will hear of it.
    if (wish.state === "running" && (await this.#hasPulse())) return undefined;
    return `the agent of its host does not answer; its log is ${this.logFile}`;
  }

  /** The node is not spoken of any more. */
  async forget(nodeId: string): Promise<void> {
    this.#nodes.delete(nodeId);
    if (this.#wanted.delete(nodeId)) await this.#write();
  }

  /** Ends the process, and with it every node. */
  async stop(): Promise<StopOutcome> {
    await this.#starting?.catch(() => {});
    const running = this.#process;
    let outcome: StopOutcome = "ended";
    this.#onStop = async () => {
      if (running)
        outcome = await stopProcessGroup(this.#process ?? running, {
          clock: this.#options.clock,
          graceMilliseconds: stopMilliseconds,
        });
    };
    await this.#supervision?.stop();
    this.#supervision = undefined;
    return outcome;
  }

  #onStop: () => Promise<void> = async () => {};

  /** An agent that is frozen is killed, once by all who wait for it: the next one takes its nodes over. */
  async #thaw(wait: () => Promise<boolean>): Promise<boolean> {
    const running = this.#process;
    if (running && (await this.#isFrozen()) && running !== this.#killed && signalProcess(running, "SIGKILL")) {
      this.#killed = running;
      this.#options.log.warn("a frozen agent was killed", { pid: running.pid });
    }
    return wait();
  }

  /** Until an agent has touched its pulse for the first time it has longer: what is there is its predecessor's. */
  async #isFrozen(): Promise<boolean> {
    const touched = await this.#pulse();
    const isUp = touched > this.#launchedAt;
    const until = isUp ? touched + pulseMilliseconds : this.#launchedAt + startMilliseconds;
    return this.#options.clock.now().getTime() > until;
  }

  async #hasPulse(): Promise<boolean> {
    return this.#options.clock.now().getTime() - (await this.#pulse()) <= pulseMilliseconds;
  }

  /** When it was touched; in milliseconds. */
  async #pulse(): Promise<number> {
    const found = await stat(this.#place("pulse")).catch(() => undefined);
    return found?.mtimeMs ?? Number.NEGATIVE_INFINITY;
  }

  #start(): Promise<void> {
    if (this.#supervision) return Promise.resolve();
    this.#starting ??= this.#launch()
      .then((started) => this.#supervise(started))
      .finally(() => {
        this.#starting = undefined;
      });
    return this.#starting;
  }

  async #launch(): Promise<ProcessRecord> {
    const { directory, command, environment } = this.#options;
    const [program, ...args] = command;
    await writeFileAtomically(this.#place("launch"), await this.#launchMark());
    this.#process = await startBackgroundProcess({
      command: program,
      args,
      env: environment,
      directory,
      logFile: this.logFile,
      recordFile: this.#place("agent.json"),
    });
    this.#launchedAt = this.#options.clock.now().getTime();
    return this.#process;
  }

  #supervise(started: ProcessRecord): void {
    const { clock, log } = this.#options;
    const current = () => this.#process ?? started;
    const part = {
      get process() {
        return current();
      },
      restart: async () => void (await this.#launch()),
      stop: () => this.#onStop(),
    };
    this.#supervision = supervise(part, { name: "the agent of this machine's nodes", clock, log });
  }

  #look(): Promise<void> {
    this.#looking ??= this.#read<Record<string, NodeStanding>>("nodes.json")
      .then((standings) => {
        this.#standings = standings;
      })
      .finally(() => {
        this.#looking = undefined;
      });
    return this.#looking;
  }

  /** What is wanted at the same time is written at once. */
  #write(): Promise<void> {
    if (!this.#isWritten) return this.#writing;
    this.#isWritten = false;
    this.#writing = this.#writing
      .catch(() => {})
      .then(() => {
        this.#isWritten = true;
        return writeFileAtomically(this.#place("wanted.json"), JSON.stringify(Object.fromEntries(this.#wanted)));
      });
    return this.#writing;
  }

  async #read<Content extends object>(name: string): Promise<Content> {
    return JSON.parse((await this.#readText(name)) ?? "{}");
  }

  async #readText(name: string): Promise<string | undefined> {
    try {
      return await readFile(this.#place(name), "utf8");
    } catch (error) {
      if (!hasErrorCode(error, "ENOENT")) throw error;
      return undefined;
    }
  }

  #place(name: string): string {
    return join(this.#options.directory, name);
  }
}

/** When a program of that directory was last changed; in milliseconds. */
async function lastChange(directory: string): Promise<number> {
  const names = (await readdir(directory, { recursive: true })).filter((name) => /\.m?js$/.test(name));
  const changes = await Promise.all(names.map(async (name) => (await stat(join(directory, name))).mtimeMs));
  return Math.max(0, ...changes);
}
