import type { ExplainedFailure, Explanation } from "@kyanite/contract";
import type { Job } from "../../domain/job/job.ts";
import { call, explanationOf, type Finding } from "./finding.ts";
import { waitingConditions } from "./task.ts";
import { jobActive } from "./task-conditions.ts";
import type { TaskFacts } from "./task-facts.ts";
import { count, have, names, phrase, verb } from "./words.ts";

export interface JobFacts {
  readonly job: Job;
  readonly counts: {
    readonly active: number;
    readonly running: number;
    readonly succeeded: number;
    readonly failed: number;
    readonly allWaitForOthers: boolean;
  };
  /** The first task that waits for nothing but its place. */
  readonly next: TaskFacts | undefined;
  /** Tasks that its pool can never run, up to a bound. */
  readonly unsatisfiable: { readonly ids: readonly string[]; readonly total: number };
  /** How most of the failed tasks that were looked at have failed. */
  readonly failure: (ExplainedFailure & { readonly taskId: string }) | undefined;
}

/** Why a job does not go on, or ended as it did. */
export function explainJob(facts: JobFacts, now: Date): Explanation {
  const { job, counts, failure } = facts;
  const subject = { kind: "job", id: job.id, state: job.state, now } as const;
  const { taskId: _, ...told } = failure ?? { taskId: "", advice: [] };
  const findings = conditions(facts, now);
  const isDone = counts.active + counts.running === 0 && job.state === "active";
  return explanationOf(subject, findings, {
    otherwise: summaryOf(facts),
    ...(job.state === "completed" ? { verdict: counts.failed > 0 ? "failed" : "fine", summary: summaryOf(facts) } : {}),
    failure: failure ? told : undefined,
    remedies: isDone ? idleRemedies(job) : [],
  });
}

function conditions(facts: JobFacts, now: Date): Finding[] {
  const { job, next } = facts;
  if (job.state === "completed") return [noneFailed(facts)];
  const ofNext = next ? waitingConditions(next, now).slice(1) : [jobActive(facts)];
  return [...ofNext.map(ofItsNext), tasksGoOn(facts), allSatisfiable(facts), noneFailed(facts), noError(job)];
}

/** What is said of a task is said here of the first that waits. */
const ofItsNext = (finding: Finding): Finding => ({
  ...finding,
  text: finding.text.replace(/^It needs/, "Its next task needs").replace(/^It may/, "Its next task may"),
});

/** Whether some task can go on, or none has to. */
function tasksGoOn({ job, counts }: JobFacts): Finding {
  const code = "tasksGoOn";
  if (!counts.allWaitForOthers)
    return { code, holds: true, text: "Not all of its tasks wait for each other", facts: { active: counts.active } };
  return {
    code,
    holds: false,
    text: `No task runs, and ${counts.active === 1 ? "the only active one" : `each of the ${counts.active} active ones`} waits for another: none goes on by itself`,
    facts: { active: counts.active },
    remedies: [
      call("See for what a task waits", "Task_List", { jobId: job.id }),
      call("End the job", "Job_Terminate", { jobId: job.id }),
    ],
  };
}

/** Whether its pool could run each of its tasks, were the nodes empty. */
function allSatisfiable({ job, unsatisfiable: { ids, total } }: JobFacts): Finding {
  const code = "tasksSatisfiable";
  if (total === 0) return { code, holds: true, text: "None of its waiting tasks needs more than the pool can have" };
  const [first = ""] = ids;
  return {
    code,
    holds: false,
    text: `${count(total, "task")} of the job can never run in its pool: ${names(ids, total)} ${verb(total, "need")} more than a node has`,
    facts: { tasks: total, first: ids },
    remedies: [
      call("See what a task needs", "Task_Explain", { jobId: job.id, taskId: first }),
      call("Have such tasks fail at once", "Job_Patch", { jobId: job.id }, { onUnsatisfiableTasks: "fail" }),
    ],
  };
}

function noneFailed({ job, counts, failure }: JobFacts): Finding {
  const code = "noTaskFailed";
  if (counts.failed === 0) return { code, holds: true, text: "None of its tasks has failed" };
  const alike = failure
    ? `, ${shareOf(counts.failed, failure)}with ${failure.code}${failure.exitCode === undefined ? "" : ` and exit code ${failure.exitCode}`}`
    : "";
  return {
    code,
    holds: false,
    text: `${count(counts.failed, "task")} of the job ${have(counts.failed)} failed${alike}`,
    passes: true,
    facts: { failed: counts.failed, ...(failure ? { first: failure.taskId } : {}) },
    remedies: failure
      ? [call("See how one of them failed", "Task_Explain", { jobId: job.id, taskId: failure.taskId })]
      : [],
  };
}

/** Of the failed tasks, those that have failed in the most frequent way. */
function shareOf(failed: number, { alike = 0, lookedAt = 0 }: ExplainedFailure): string {
  if (failed === 1) return "";
  return alike * 2 > lookedAt ? "most " : `${alike} of them `;
}

function noError({ schedulingError, state }: Job): Finding {
  const code = "noSchedulingError";
  if (!schedulingError) return { code, holds: true, text: "The job itself has no error" };
  const details = schedulingError.details.map(({ name, value }) => `${name} ${value}`).join(", ");
  return {
    code,
    holds: false,
    text: `${phrase(schedulingError.message)}${details === "" ? "" : ` (${details})`}`,
    passes: state === "terminating" || state === "deleting",
    facts: { code: schedulingError.code },
  };
}

function summaryOf({ job, counts }: JobFacts): string {
  const { active, running, succeeded, failed } = counts;
  if (job.state === "completed")
    return `The job has ended (${job.terminateReason ?? "no reason given"}) with ${count(succeeded, "success", "successes")} and ${count(failed, "failure")}`;
  const all = active + running + succeeded + failed;
  if (all === 0) return "The job has no tasks";
  if (active + running === 0)
    return `${all === 1 ? "Its only task is" : `All ${all} tasks are`} complete, and the job stays for more`;
  return `${count(running, "task")} ${verb(running, "run")}, ${count(active, "task")} ${verb(active, "wait")}, ${succeeded + failed} of ${all} are complete`;
}

/** A job that is done and is not told to end. */
const idleRemedies = ({ id, onAllTasksComplete }: Job) =>
  onAllTasksComplete === "terminatejob"
    ? []
    : [
        call("End the job", "Job_Terminate", { jobId: id }),
        call("Have it end with its tasks", "Job_Patch", { jobId: id }, { onAllTasksComplete: "terminatejob" }),
      ];
