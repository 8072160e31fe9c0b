import type { RunOrder } from "@kyanite/contract";
import type { Clock, Log, ProcessRecord } from "@kyanite/runtime";
import type { Cgroups } from "../cgroups.ts";
import type { Launchers } from "../launcher.ts";
import type { RunPaths } from "../paths.ts";
import type { SharedDownloads } from "../shared-downloads.ts";
import type { TaskUser } from "../user.ts";

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
  readonly launchers: Launchers;
  readonly cgroups: Cgroups;
  readonly settings: RunSettings;
  /** Aborts when all instances of a multi-instance task are coordinated, so that its command may start. */
  readonly proceed: AbortSignal;
  /** Called when the coordination command of an instance has succeeded. */
  onCoordinated(): void;
  /** Called when the command's process exists, unless its control group is enough to find it again. */
  onLaunch(leader: ProcessRecord): void;
}

export interface RunSettings {
  readonly killGraceSeconds: number;
  readonly reservedDiskBytes: number;
  readonly commandPath: string;
  readonly commandLanguage: string;
}

/** The application packages of this node, each fetched and unpacked once. */
export interface PackageStore {
  /** The directory that holds the package's content; it stays at least until the run releases it. */
  install(reference: RunOrder["packages"][number], run: { runId: string; signal: AbortSignal }): Promise<string>;
  /** Lets go of whatever a run has installed. */
  release(runId: string): void;
  /** Removes a directory of a package below the root, as soon as no run uses it any more. */
  remove(directory: string): Promise<void>;
}
