import type { CertificateReference, ContainerConfiguration, StartTask } from "@kyanite/contract";
import type { NodePackage, ResolvedPackage } from "../account/application.ts";
import type { JobSpec } from "../job/job.ts";
import type { TaskSpec } from "../task/task.ts";

interface RunPlace {
  readonly runId: string;
  readonly accountName: string;
  readonly poolId: string;
  readonly nodeId: string;
  readonly isDedicated: boolean;
  /** Of the pool. */
  readonly certificateReferences: readonly CertificateReference[] | null;
  /** Name of the storage account that is linked with the account. */
  readonly storageAccount: string | null;
  /** The application packages that are on the node because its pool refers to them. */
  readonly nodePackages: readonly NodePackage[];
  /** What the run's own references to application packages mean now. */
  readonly packages: readonly ResolvedPackage[] | null;
  /** Of the pool, when it runs containers. */
  readonly containerConfiguration: ContainerConfiguration | null;
  readonly enableInterNodeCommunication: boolean;
}

/** A run of a task with what its order is made of. */
export interface TaskRun extends RunPlace {
  readonly kind: "task";
  readonly jobPk: number;
  readonly taskPk: number;
  readonly jobId: string;
  readonly jobSpec: JobSpec;
  readonly taskId: string;
  readonly taskSpec: TaskSpec;
  readonly retryCount: number;
  /** How many of its node it takes; absent for an instance of a multi-instance task, which has its node to itself. */
  readonly slots?: number;
  /** The trace that its task belongs to; absent for an instance of a multi-instance task. */
  readonly traceParent?: string | null;
  /** Set when it is an instance of a multi-instance task. */
  readonly instance?: InstanceRun;
}

export interface InstanceRun {
  /** The primary is number 0. */
  readonly id: number;
  /** Addresses of the nodes of all instances, the primary's first. */
  readonly hosts: readonly string[];
  readonly vmSize: string;
}

export interface StartTaskRun extends RunPlace {
  readonly kind: "startTask";
  readonly startTask: StartTask;
}

/** A run of a job's preparation or release task on a node. */
export interface JobRun extends RunPlace {
  readonly kind: "jobPreparation" | "jobRelease";
  readonly jobId: string;
  readonly jobSpec: JobSpec;
  readonly retryCount: number;
}

/** The installation of the pool's application packages on a node that has booted. */
export interface PackageRun extends RunPlace {
  readonly kind: "packages";
}

export type Run = TaskRun | StartTaskRun | JobRun | PackageRun;
