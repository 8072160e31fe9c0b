import type { RunContainer, RunOrder } from "@kyanite/contract";
import type { Clock, Directory, Log } from "@kyanite/runtime";
import type { NodeContainers } from "../containers/node-containers.ts";
import type { Executor } from "../executors/executor.ts";
import type { Progress } from "../journal.ts";
import type { KeptQueue } from "../kept/keep-files.ts";
import type { Amounts } from "../limits.ts";
import type { RunPaths } from "../paths.ts";
import type { Lookout } from "../run-use/lookout.ts";
import type { SharedDownloads } from "../shared-downloads.ts";
import type { StepTimes } from "../step-times.ts";
import type { RecentDirectory } from "../task-files/recent-directory.ts";
import type { TaskUser } from "../user.ts";
import type { Walls } from "../walls/walls.ts";

/** What every step of a run is given. A step throws `StepFailure`, or rejects with the signal's reason. */
export interface RunContext {
  readonly order: RunOrder;
  readonly paths: RunPaths;
  readonly user: TaskUser | undefined;
  /** Aborts when the run is to end: cancelled, or out of time. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly log: Log;
  readonly downloads: SharedDownloads;
  readonly packages: PackageStore;
  readonly executor: Executor;
  readonly containers: NodeContainers;
  readonly lookout: Lookout;
  /** What a run of so many slots may take. */
  limitsOf(slots: number | undefined): Amounts;
  readonly directories: RecentDirectory;
  readonly kept: KeptQueue;
  readonly walls: Walls;
  readonly settings: RunSettings;
  /** Aborts when all instances of a multi-instance task are coordinated, so that its command may start. */
  readonly proceed: AbortSignal;
  /** Called when the coordination command of an instance has succeeded. */
  onCoordinated(): void;
  /** Called with what is known of the run's container, whenever that has changed. */
  onContainer(container: RunContainer): void;
  /** Takes the times of steps, and what they fetch and send. */
  readonly steps: StepTimes;
  /** How far the run had come when a former agent was killed. */
  readonly progress: Progress;
  /** Notes how far the run has come, so that another agent can go on with it. */
  keepProgress(progress: Progress): void;
}

/** A run whose directories are made. */
export interface PreparedRun extends RunContext {
  /** The task's, in which the run's user may do what it likes: what is in it is reached through this handle only. */
  readonly taskDirectory: Directory;
}

export interface RunSettings {
  readonly killGraceSeconds: number;
  readonly reservedDiskBytes: number;
  readonly commandPath: string;
  readonly commandLanguage: string;
}

export interface Installation {
  /** That holds the package's content. */
  readonly directory: string;
  /** Nothing of a package that was on the node already. */
  readonly fetchedBytes: number;
}

/** The application packages of this node, each fetched and unpacked once. */
export interface PackageStore {
  /** Sees to it that the package is there at least until the run releases it. */
  install(reference: RunOrder["packages"][number], run: { runId: string; signal: AbortSignal }): Promise<Installation>;
  /** Lets go of whatever a run has installed. */
  release(runId: string): void;
  /** Removes a directory of a package below the root, as soon as no run uses it any more. */
  remove(directory: string): Promise<void>;
}
