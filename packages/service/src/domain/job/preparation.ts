import type {
  Failure,
  JobPreparationTaskExecutionInformation,
  JobReleaseTaskExecutionInformation,
} from "@kyanite/contract";
import { failureOf, type RunEnd } from "../task/task.ts";
import { limitSeconds } from "../task/task-constraints.ts";
import { after, isoTime } from "../time.ts";
import { requiredState, type Transitions } from "../transitions.ts";
import type { JobSpec } from "./job.ts";
import { defaultReleaseWallClock } from "./job-tasks.ts";

/**
 * How far a node is with a job. `unprepared`: the preparation task has to run before the next task of the job;
 * `failed`: the node takes no task of the job any more.
 */
export type PreparationState = "unprepared" | "preparing" | "prepared" | "failed" | "releasing" | "released";

/** What a job has done to a node: its preparation task there, and its release task at the end of the job. */
export interface Preparation {
  readonly pk: number;
  readonly jobPk: number;
  readonly nodePk: number;
  readonly poolId: string;
  readonly nodeId: string;
  readonly state: PreparationState;
  /** The run of the preparation or release task that is wanted now. */
  readonly runId: string | null;
  /** Whether the release task has to run here when the job ends: the preparation has been successful at least once. */
  readonly needsRelease: boolean;
  readonly preparationInfo: JobPreparationTaskExecutionInformation;
  readonly releaseInfo: JobReleaseTaskExecutionInformation | null;
  /** When the job ceases to wait for the release. */
  readonly releaseDeadline: Date | null;
}

type PreparationEvent = "prepare" | "retry" | "succeed" | "fail" | "undo" | "release" | "finish";

/** A preparation moves along this table and in no other way. */
export const preparationTransitions: Transitions<PreparationState, PreparationEvent> = {
  unprepared: { prepare: "preparing", release: "releasing", finish: "released" },
  preparing: {
    retry: "preparing",
    succeed: "prepared",
    fail: "failed",
    undo: "unprepared",
    release: "releasing",
    finish: "released",
  },
  prepared: { undo: "unprepared", release: "releasing", finish: "released" },
  failed: { undo: "unprepared", release: "releasing", finish: "released" },
  releasing: { finish: "released" },
  released: {},
};

function moved(preparation: Preparation, event: PreparationEvent): Preparation {
  return { ...preparation, state: requiredState(preparationTransitions, preparation.state, event), runId: null };
}

/** Whether tasks wait until their node is prepared. */
function waitsForSuccess(job: JobSpec): boolean {
  return job.jobPreparationTask?.waitForSuccess ?? true;
}

/** What clients see of a preparation that has just begun. */
export function begunPreparation(now: Date): JobPreparationTaskExecutionInformation {
  return { state: "running", startTime: isoTime(now), retryCount: 0 };
}

/**
 * After a run of the preparation task: another try, prepared, or failed. Without waiting for success, a failure is as
 * good as a success.
 * @param nextRunId id of the run that another try would have
 */
export function afterPreparationExit(
  preparation: Preparation,
  job: JobSpec,
  end: RunEnd,
  nextRunId: string,
  now: Date,
): Preparation {
  const info = preparation.preparationInfo;
  const failure = failureOf(end.exit);
  const limit = job.jobPreparationTask?.constraints?.maxTaskRetryCount ?? 0;
  if (failure?.code === "FailureExitCode" && (limit === -1 || info.retryCount < limit))
    return {
      ...moved(preparation, "retry"),
      runId: nextRunId,
      preparationInfo: {
        state: "running",
        startTime: isoTime(now),
        retryCount: info.retryCount + 1,
        lastRetryTime: isoTime(now),
      },
    };
  const isUsable = failure === undefined || !waitsForSuccess(job);
  return {
    ...moved(preparation, isUsable ? "succeed" : "fail"),
    needsRelease: isUsable || preparation.needsRelease,
    preparationInfo: { ...info, ...outcome(end, failure) },
  };
}

/** After the run of the release task; its result changes nothing. */
export function afterReleaseExit(preparation: Preparation, end: RunEnd): Preparation {
  return {
    ...moved(preparation, "finish"),
    needsRelease: false,
    releaseInfo: outcome(end, failureOf(end.exit)),
  };
}

function outcome(end: RunEnd, failure: Failure | undefined) {
  const exitCode = end.exit.kind === "failed" ? undefined : end.exit.exitCode;
  return {
    state: "completed" as const,
    startTime: isoTime(end.startTime),
    endTime: isoTime(end.endTime),
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(failure ? { failureInfo: failure } : {}),
    ...(end.container ? { containerInfo: end.container } : {}),
    result: failure ? ("failure" as const) : ("success" as const),
  };
}

/** What can happen to a node that jobs have been prepared on. */
export type NodeInterruption = "lost" | "rebooted" | "reimaged" | "removed";

/**
 * What is left of a preparation after something happened to its node. A reboot ends what runs, and asks for another
 * preparation unless the job says otherwise; a node on which the preparation has failed stays closed to the job. A new
 * image has never seen the job.
 * @param nextRunId id of the run of a release task that has to begin again
 */
export function afterInterruption(
  preparation: Preparation,
  job: JobSpec,
  interruption: NodeInterruption,
  nextRunId: string,
  now: Date,
): Preparation {
  const { state } = preparation;
  if (state === "released" || (interruption === "lost" && state !== "preparing")) return preparation;
  if (state === "releasing") {
    if (interruption === "rebooted") return { ...preparation, runId: nextRunId };
    return abandonedRelease(preparation, now);
  }
  const isErased = interruption === "reimaged" || interruption === "removed";
  if (!isErased && state === "failed") return preparation;
  const isKept = !isErased && job.jobPreparationTask?.rerunOnNodeRebootAfterSuccess === false;
  if (state === "unprepared" || (isKept && state === "prepared"))
    return isErased ? { ...preparation, needsRelease: false } : preparation;
  return {
    ...moved(preparation, "undo"),
    needsRelease: preparation.needsRelease && !isErased,
    preparationInfo: interruptedInfo(preparation.preparationInfo, now),
  };
}

function interruptedInfo<Info extends { state: "running" | "completed" }>(info: Info, now: Date) {
  if (info.state === "completed") return info;
  return {
    ...info,
    state: "completed" as const,
    endTime: isoTime(now),
    failureInfo: {
      category: "ServerError" as const,
      code: "TaskEnded",
      message: "The compute node was lost or restarted while the task ran",
      details: [],
    },
    result: "failure" as const,
  };
}

/**
 * Added to the time that a release task may run before the job stops waiting: orders and reports take a while to
 * arrive.
 */
const releaseGraceSeconds = 60;

/**
 * What the end of its job means for a preparation: the release task, where one is due and can run, or nothing more.
 * @param canRun whether the node is there and the job waits for it
 */
export function afterJobEnd(
  preparation: Preparation,
  job: JobSpec,
  canRun: boolean,
  nextRunId: string,
  now: Date,
): Preparation {
  const { state } = preparation;
  if (state === "released") return preparation;
  if (state === "releasing") {
    const isOver = preparation.releaseDeadline !== null && preparation.releaseDeadline <= now;
    return canRun && !isOver ? preparation : abandonedRelease(preparation, now);
  }
  const preparationInfo = interruptedInfo(preparation.preparationInfo, now);
  if (!canRun || !preparation.needsRelease || !job.jobReleaseTask)
    return { ...moved(preparation, "finish"), preparationInfo, needsRelease: false };
  const seconds = limitSeconds(job.jobReleaseTask.maxWallClockTime ?? defaultReleaseWallClock) ?? 0;
  return {
    ...moved(preparation, "release"),
    preparationInfo,
    runId: nextRunId,
    releaseInfo: { state: "running", startTime: isoTime(now) },
    releaseDeadline: after(now, seconds + releaseGraceSeconds),
  };
}

function abandonedRelease(preparation: Preparation, now: Date): Preparation {
  const { releaseInfo } = preparation;
  return {
    ...moved(preparation, "finish"),
    needsRelease: false,
    releaseInfo: releaseInfo && interruptedInfo(releaseInfo, now),
  };
}
