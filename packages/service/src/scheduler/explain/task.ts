import type { Explanation, ExplanationVerdict } from "@kyanite/contract";
import { advice, call, explanationOf, type Finding, type Subject, verdictOf } from "./finding.ts";
import { nodeTakesTasks, poolActive, poolHasNodes } from "./pool-conditions.ts";
import { slowStep } from "./run-steps.ts";
import {
  dependenciesSatisfied,
  fitsANode,
  isItsTurn,
  jobActive,
  jobBelowLimit,
  nodePrepared,
  slotsFree,
} from "./task-conditions.ts";
import type { TaskFacts } from "./task-facts.ts";
import { taskTimeline } from "./timeline.ts";
import { count, period, phrase, secondsBetween } from "./words.ts";

/** Why a task is as it is. */
export function explainTask(facts: TaskFacts, now: Date): Explanation {
  const { task, failure, steps } = facts;
  const subject: Subject = { kind: "task", id: task.id, state: task.state, now };
  const timeline = taskTimeline(task, steps, now);
  if (task.state === "active") {
    const findings = waitingConditions(facts, now);
    const verdict = findings.every(({ holds }) => holds) ? "waiting" : verdictOf(findings);
    return explanationOf(subject, findings, { verdict, otherwise: inAMoment, timeline });
  }
  if (task.state === "preparing")
    return explanationOf(subject, [preparedFor(facts)], { otherwise: "It is about to begin on its node", timeline });
  const { verdict, summary } = task.state === "running" ? running(facts, now) : ended(facts);
  const remedies = task.result === "failure" ? [runAgain(facts)] : [];
  return explanationOf(subject, [], { verdict, otherwise: summary, failure, timeline, remedies });
}

const inAMoment = "Nothing is in its way: it is placed in a moment";

/** What has to be so before a task is placed, in the order in which it matters. */
export function waitingConditions(facts: TaskFacts, now: Date): Finding[] {
  const { job, pool } = facts;
  const ofJob = [dependenciesSatisfied(facts), jobActive(facts), jobBelowLimit(facts)];
  if (!pool) return [...ofJob, poolMissing(job)];
  const ofPool = [poolExists(pool.pool.id), poolActive(pool), poolHasNodes(pool)];
  const fits = fitsANode(facts);
  if (ofPool.some(({ holds }) => !holds)) return [...ofJob, ...ofPool, ...(fits.holds ? [] : [fits])];
  const takes = nodeTakesTasks(pool, now);
  if (!takes.holds) return [...ofJob, ...ofPool, fits, takes];
  return [...ofJob, ...ofPool, fits, takes, nodePrepared(facts), slotsFree(facts), isItsTurn(facts)];
}

const poolExists = (poolId: string): Finding => ({
  code: "poolExists",
  holds: true,
  text: `There is a pool ${poolId}`,
});

/** Also for a job whose automatic pool could not be made. */
function poolMissing({ id, poolId, schedulingError }: TaskFacts["job"]): Finding {
  const why = schedulingError ? `: ${phrase(schedulingError.message)}` : "";
  return {
    code: "poolExists",
    holds: false,
    text: poolId === "" ? `The job ${id} has no pool${why}` : `There is no pool ${poolId}${why}`,
    facts: { poolId },
    remedies: [
      ...(poolId === "" ? [] : [call("Add the pool", "Pool_Add", {}, { id: poolId })]),
      advice("Disable the job, and give it another pool"),
    ],
  };
}

/** A task that has a node waits there for the job's preparation task. */
function preparedFor({ task, preparations }: TaskFacts): Finding {
  const nodeId = task.nodeInfo?.nodeId ?? "";
  const preparation = preparations.find((each) => each.nodeId === nodeId);
  const { retryCount = 0, startTime } = preparation?.preparationInfo ?? {};
  const tries = retryCount > 0 ? `, after ${count(retryCount, "retry", "retries")}` : "";
  return {
    code: "nodePrepared",
    holds: false,
    since: startTime === undefined ? task.stateTransitionTime : new Date(startTime),
    text: `The preparation task of the job runs on its node ${nodeId}${tries}`,
    passes: true,
    facts: { nodeId, retryCount },
  };
}

interface Outcome {
  readonly verdict: ExplanationVerdict;
  readonly summary: string;
}

function running({ task, nodeFreeSlots }: TaskFacts, now: Date): Outcome {
  const since = task.startTime ?? task.stateTransitionTime;
  const waits = nodeFreeSlots !== undefined && nodeFreeSlots < 0 ? "; it may wait there for its slots" : "";
  const retries = task.retryCount > 0 ? `, after ${count(task.retryCount, "retry", "retries")}` : "";
  const where = task.nodeInfo ? ` on the node ${task.nodeInfo.nodeId}` : "";
  return { verdict: "fine", summary: `It has run for ${period(secondsBetween(since, now))}${where}${retries}${waits}` };
}

function ended({ task, failure, steps }: TaskFacts): Outcome {
  if (task.result !== "failure") {
    const seconds = task.startTime && task.endTime ? secondsBetween(task.startTime, task.endTime) : 0;
    const slow = slowStep(steps, seconds);
    return { verdict: "fine", summary: `It has ended successfully${slow === undefined ? "" : `; ${slow}`}` };
  }
  const message = failure?.details?.find(({ name }) => name === "Message")?.value ?? failure?.message ?? "";
  const retries = task.retryCount > 0 ? ` after ${count(task.retryCount, "retry", "retries")}` : "";
  const alike = failure?.alike ? `; ${count(failure.alike, "other task")} of the job failed in the same way` : "";
  return {
    verdict: "failed",
    summary: `It has failed${retries} with ${failure?.code ?? "no code"}: ${phrase(message)}${alike}`,
  };
}

const runAgain = ({ task, job }: TaskFacts) =>
  call("Run the task again", "Task_Reactivate", { jobId: job.id, taskId: task.id });
