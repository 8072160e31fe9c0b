import type { Job } from "../domain/job/job.ts";
import { endsWithTask } from "../domain/job/job-manager.ts";
import { loadsOf } from "../domain/node/load.ts";
import type { ToldEnd } from "../domain/run/past-run.ts";
import type { ExitOutcome, Task } from "../domain/task/task.ts";
import { totalUsage, usageOf } from "../domain/task/usage.ts";
import { runTimes } from "../domain/usage/run-time.ts";
import type { Sql } from "../store/database.ts";
import { releaseDependents } from "../store/dependencies.ts";
import { readJobsByPk } from "../store/jobs.ts";
import { changeLoad } from "../store/nodes.ts";
import { notify } from "../store/notices.ts";
import { addTaskUsage } from "../store/task-usage.ts";
import { restartTasks, saveTasks } from "../store/tasks.ts";
import { addJobUsage } from "../store/usage.ts";
import { followGangs } from "./gang.ts";
import { endJobsWhoseTasksAreComplete, type JobAction, performJobActions } from "./job.ts";
import { recordPastRuns } from "./past-runs.ts";

/** What has become of a task that was locked as `before`. */
export interface TaskOutcome extends ExitOutcome {
  readonly before: Task;
  readonly job: Job;
  /** How the task's run has ended, as its agent told it. */
  readonly end?: ToldEnd;
}

/** The outcomes of tasks by a decision that knows their jobs. */
export async function decideOutcomes(
  sql: Sql,
  tasks: readonly Task[],
  decide: (task: Task, job: Job) => Omit<TaskOutcome, "before" | "job"> | undefined,
): Promise<TaskOutcome[]> {
  if (tasks.length === 0) return [];
  const jobs = new Map(
    (await readJobsByPk(sql, [...new Set(tasks.map(({ jobPk }) => jobPk))])).map((job) => [job.pk, job]),
  );
  return tasks.flatMap((before) => {
    const job = jobs.get(before.jobPk);
    const outcome = job && decide(before, job);
    return outcome ? [{ before, job, ...outcome }] : [];
  });
}

interface SaveOptions {
  readonly now: Date;
  /** Whether the caller gives the slots that are freed to others itself. */
  readonly refills?: boolean;
}

/**
 * Saves what has become of tasks, with all that follows: slots are freed, dependents go on, jobs that asked for it end.
 * Agents are the caller's to notify.
 */
export async function saveOutcomes(
  sql: Sql,
  outcomes: readonly TaskOutcome[],
  { now, refills = false }: SaveOptions,
): Promise<void> {
  if (outcomes.length === 0) return;
  const isAgain = ({ task }: TaskOutcome) => task.state === "running";
  const left = outcomes.filter((outcome) => !isAgain(outcome));
  const leaving = left.map(({ before, task, neverBegan }) => ({
    ...before,
    result: task.result,
    isUncounted: neverBegan === true,
  }));
  const usage = outcomes.map(({ before, task }) => usageOf(before, task));
  // One after the other on the transaction's connection, but sent without waiting for each.
  await Promise.all([
    saveTasks(
      sql,
      outcomes.map(({ task }) => task),
    ),
    restartTasks(
      sql,
      outcomes.filter(isAgain).map(({ task }) => task.pk),
    ),
    followGangs(sql, outcomes, now).then((gangs) => changeLoad(sql, loadsOf([...leaving, ...gangs]), now)),
    addJobUsage(sql, totalUsage(usage)),
    recordPastRuns(sql, outcomes, now),
    addTaskUsage(
      sql,
      outcomes.flatMap(({ before, task }) => runTimes(before, task, now)),
    ),
    refills && outcomes.every(onlyFreesSlots) ? undefined : notify(sql, "schedule"),
  ]);
  await followCompletions(
    sql,
    outcomes.filter(({ task }) => task.state === "completed"),
    now,
  );
}

/** Whether the end of the task can let other tasks run only on the node that it has left, and not elsewhere. */
const onlyFreesSlots = ({ before, task, job }: TaskOutcome) =>
  task.state === "completed" && before.instances === null && !job.usesTaskDependencies && !(job.maxParallelTasks > 0);

async function followCompletions(sql: Sql, completed: readonly TaskOutcome[], now: Date): Promise<void> {
  if (completed.length === 0) return;
  const satisfied = completed.filter(
    ({ before, task, job }) => job.usesTaskDependencies && task.isSatisfied && !before.isSatisfied,
  );
  if (satisfied.length > 0)
    await releaseDependents(
      sql,
      satisfied.map(({ task }) => task),
    );
  await performJobActions(sql, completed.map(jobActionOf), now);
  // A job that is asked to end with its tasks only now is looked at a little later, complete or not.
  const ending = completed.filter(({ job }) => job.onAllTasksComplete === "terminatejob");
  if (ending.length > 0) await endJobsWhoseTasksAreComplete(sql, [...new Set(ending.map(({ job }) => job.pk))], now);
}

/** The end of a job manager is its job's; otherwise the exit conditions say what becomes of the job. */
function jobActionOf({ task, job, jobAction }: TaskOutcome): JobAction {
  if (endsWithTask(job, task)) return { job, jobAction: "terminate", reason: "JMComplete" };
  return { job, jobAction, reason: "TaskFailed" };
}
