import type { Failure, KeptFile, RunOutcome, RunStep } from "@kyanite/contract";
import { failureOf, type RunEnd, type Task, type TaskNodeInfo } from "../task/task.ts";
import { notedSteps } from "./run-steps.ts";

/** The end of a run as its agent has told it. */
export interface ToldEnd extends Omit<RunEnd, "exit"> {
  readonly exit: RunOutcome;
  readonly kept?: readonly KeptFile[] | undefined;
  readonly steps?: readonly RunStep[] | undefined;
}

/** A file that is kept of a run. */
export interface PastFile extends Omit<KeptFile, "content"> {
  /** What it takes of the content in its run's row; absent when it was too large for that. */
  readonly storedBytes?: number;
}

/** A run that is over, and what is kept of it. */
export interface PastRun {
  readonly pk: number;
  readonly accountPk: number;
  readonly taskPk: number;
  readonly runId: string;
  readonly nodePk: number | null;
  readonly nodeInfo: TaskNodeInfo | null;
  readonly startTime: Date | null;
  readonly endTime: Date;
  readonly outcome: RunVerdict;
  readonly exitCode: number | null;
  readonly failureInfo: Failure | null;
  readonly files: readonly PastFile[];
  /** In their order; none when there is nothing to tell of them. */
  readonly steps: readonly RunStep[];
}

/** `interrupted`: the service has taken it from its node, or does not know how it has ended. */
export type RunVerdict = "success" | "failure" | "interrupted";

export interface NewPastRun extends Omit<PastRun, "pk" | "accountPk" | "files"> {
  readonly kept: readonly KeptFile[];
  readonly awaitsFiles: boolean;
}

/** How many runs of a task are remembered. */
export const mostPastRuns = 20;

/** What has become of the task that had the run. */
export interface EndedTask {
  readonly before: Task;
  readonly task: Task;
  readonly neverBegan?: true;
  /** Absent when the service has ended the run. */
  readonly end?: ToldEnd | undefined;
}

/** The run that a task has had and has no more, when there is anything to remember of it. */
export function pastRunOf({ before, task, neverBegan, end }: EndedTask, now: Date): NewPastRun | undefined {
  const { runId } = before;
  if (runId === null || task.runId === runId || neverBegan) return undefined;
  const files = expectedFiles(end?.kept ?? [], before);
  const steps = notedSteps(end?.steps ?? []);
  const place = { taskPk: before.pk, runId, nodePk: before.nodePk, nodeInfo: before.nodeInfo, kept: files, steps };
  if (end === undefined || end.exit.kind === "lost" || end.exit.kind === "returned") {
    const times = { startTime: end?.startTime ?? before.startTime, endTime: end?.endTime ?? now };
    const ended = { outcome: "interrupted", exitCode: null, failureInfo: null } as const;
    return { ...place, ...times, ...ended, awaitsFiles: end === undefined };
  }
  const failureInfo = failureOf(end.exit) ?? null;
  if (failureInfo === null && files.length === 0 && steps.length === 0) return undefined;
  const exitCode = end.exit.kind === "failed" ? null : (end.exit.exitCode ?? null);
  const times = { startTime: end.startTime, endTime: end.endTime };
  const outcome = failureInfo === null ? "success" : "failure";
  return { ...place, ...times, outcome, exitCode, failureInfo, awaitsFiles: false };
}

const logs = ["stdout.txt", "stderr.txt"];

/** An agent may not give us anything else than what it was asked for, nor a file twice. */
export function expectedFiles(kept: readonly KeptFile[], { spec }: Pick<Task, "spec">): readonly KeptFile[] {
  const left = new Set([...logs, ...(spec.keptLogs?.filePaths ?? [])]);
  return kept.filter(({ path }) => left.delete(path));
}

/** Where the content of a file begins in its run's row. */
export function positionOf(files: readonly PastFile[], number: number): number {
  return files.slice(0, number).reduce((total, { storedBytes = 0 }) => total + storedBytes, 0);
}

/**
 * Whether a run that is remembered is the last one that its task has had: after it there may have been one of which
 * there was nothing to remember.
 */
export function isLastRun({ endTime }: Pick<PastRun, "endTime">, task: Pick<Task, "runId" | "state" | "endTime">) {
  if (task.runId !== null) return false;
  return task.state !== "completed" || task.endTime?.getTime() === endTime.getTime();
}
