import type { RunOutcome, RunStep } from "@kyanite/contract";
import type { Task } from "../task/task.ts";
import type { Span, SpanFacts } from "./span.ts";
import { spanIdOfRun, traceParentOfRun } from "./trace-context.ts";

type TracedTask = Pick<
  Task,
  | "id"
  | "traceParent"
  | "nodeInfo"
  | "creationTime"
  | "lastRequeueTime"
  | "lastRetryTime"
  | "stateTransitionTime"
  | "previousState"
  | "previousStateTransitionTime"
>;

/** A run that has ended, of a task that belongs to a trace. */
export interface TracedRun {
  readonly jobId: string;
  /** As it was until the run ended. */
  readonly task: TracedTask;
  readonly runId: string;
  readonly startTime: Date;
  readonly endTime: Date;
  readonly exit: RunOutcome;
  readonly steps: readonly RunStep[];
}

/** What a trace tells of a run: how long its task waited for a place, the run, and the steps that it took. */
export function spansOfRun(run: TracedRun): Span[] {
  const { task, runId, exit, steps } = run;
  const parent = task.traceParent;
  const within = traceParentOfRun(parent, runId);
  // It never began.
  if (parent === null || within === undefined || exit.kind === "returned") return [];
  const facts = factsOf(run);
  return [
    ...placementOf(task, parent, facts),
    {
      name: "run",
      parent,
      spanId: spanIdOfRun(runId),
      start: run.startTime,
      end: run.endTime,
      facts: { ...facts, ...exitFacts(exit) },
      ...failureOf(exit),
    },
    ...steps.map(({ name, startTime, endTime }) => ({
      name,
      parent: within,
      start: new Date(startTime),
      end: new Date(endTime),
      facts,
    })),
  ];
}

function factsOf({ jobId, task, runId }: TracedRun): SpanFacts {
  return {
    "kyanite.job.id": jobId,
    "kyanite.task.id": task.id,
    "kyanite.run.id": runId,
    ...(task.nodeInfo ? { "kyanite.pool.id": task.nodeInfo.poolId, "kyanite.node.id": task.nodeInfo.nodeId } : {}),
  };
}

/** A task that is tried again on its node was not placed anew. */
function placementOf(task: TracedTask, parent: string, facts: SpanFacts): Span[] {
  if (task.lastRetryTime && task.lastRetryTime >= task.stateTransitionTime) return [];
  const end = task.previousState === "preparing" ? task.previousStateTransitionTime : task.stateTransitionTime;
  const start = latest(task.creationTime, task.lastRequeueTime);
  return end && end >= start ? [{ name: "placement", parent, start, end, facts }] : [];
}

const latest = (one: Date, other: Date | null) => (other && other > one ? other : one);

function exitFacts(exit: RunOutcome): SpanFacts {
  return {
    "kyanite.run.outcome": exit.kind,
    ...("exitCode" in exit && exit.exitCode !== undefined ? { "process.exit.code": exit.exitCode } : {}),
  };
}

function failureOf(exit: RunOutcome): Pick<Span, "failure"> {
  switch (exit.kind) {
    case "exited": {
      const known = exit.failure ?? exit.uploadFailure;
      if (known) return { failure: known.code };
      return exit.exitCode === 0 ? {} : { failure: "FailureExitCode" };
    }
    case "ended":
      return { failure: "TaskEnded" };
    case "failed":
      return { failure: exit.failure.code };
    case "lost":
      return { failure: "lost" };
    case "returned":
      return {};
  }
}
