import type { RunUse } from "@kyanite/contract";
import type { Directory, ProcessRecord } from "@kyanite/runtime";
import type { MemoryKill } from "../limits.ts";
import type { TaskUser } from "../user.ts";

/** A command that a run has to execute. */
export interface Command {
  readonly runId: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
  /** The directory in which the files of the output are, open. */
  readonly taskDirectory: Directory;
  readonly stdout: string;
  readonly stderr: string;
  readonly user: TaskUser | undefined;
  /** How many of the node's slots the run takes, which decides what it may take besides. */
  readonly slots: number | undefined;
  /** Whether no shell that has others before or after it may start it. */
  readonly standsAlone: boolean;
}

/**
 * How another agent finds a command again: kept on disk. A waiting shell is known by its pipes, any other command by
 * the process that waits for it and the file with its exit code.
 */
export type ProcessExecutionRecord = {
  readonly process: ProcessRecord;
  readonly name: string;
  readonly since: string;
  readonly first: number;
  readonly cgroup?: string | undefined;
} & (
  | {
      readonly kind: "shell";
      readonly isConfined: boolean;
      /** What the shell's commands had used before. */
      readonly used?: RunUse;
    }
  | { readonly kind: "process" }
);

/** A container is known by its name. */
export interface ContainerRecord {
  readonly kind: "container";
  readonly name: string;
  readonly since: string;
  /** Of a command that has joined a container. */
  readonly execId?: string | undefined;
}

export type ExecutionRecord = ProcessExecutionRecord | ContainerRecord;

/** A command that was started. */
export interface Execution {
  /**
   * The exit code, or 128 + n when signal n ended it. Rejects when nobody can tell, and with `NeverStarted` when a
   * former agent was killed before it could start it.
   */
  readonly exit: Promise<number>;
  /** Ends it and all that it has started: asks, waits for a while, and kills. */
  stop(graceMilliseconds: number): Promise<void>;
  /** Kills what is left of it; answers whether nothing is left. */
  kill(): Promise<boolean>;
  /** Whether something of it was killed for memory, once it is over. */
  memoryKill(): MemoryKill | undefined;
  /** Notes what it has used up to now, for when it is killed before that is counted. */
  look(): void | Promise<void>;
  /** What it has used, once it is over. */
  use(): RunUse;
  /** Whether nobody can be asked any more, after it is released, how it has ended. */
  readonly isForgetful: boolean;
  /** To be called when it and all that it has started are over; from then on its slots may be another's. */
  release(): Promise<void>;
}

/** The commands of a node's runs that are processes of the machine. What it has started goes on when its agent is killed, and is there to be adopted. */
export interface Executor {
  /**
   * Starts a command; its output goes straight to the files, which are emptied first.
   * @param onLaunch called with the record when the command exists, or is about to, before anything is awaited
   * @throws the system's error when the program cannot be executed
   */
  start(command: Command, onLaunch: (record: ProcessExecutionRecord) => void): Promise<Execution>;
  /** Takes over a command that a former agent has started, whether or not it has ended meanwhile. */
  adopt(runId: string, record: ProcessExecutionRecord): Execution;
  /** Ends what former agents have left, but for these. */
  keepOnly(wanted: readonly ProcessExecutionRecord[]): void;
  /** Ends what waits for commands. */
  close(): void;
}

/** A former agent was killed between noting that it starts a command and starting it. */
export class NeverStarted extends Error {}
