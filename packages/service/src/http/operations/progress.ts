import type { TaskCounts } from "@kyanite/contract";
import { completedInSteps, estimate, throughput } from "../../domain/job/progress.ts";
import { keptSteps, seriesTime, stepsOf } from "../../domain/series/steps.ts";
import { isoTime } from "../../domain/time.ts";
import { readExistingJob } from "../../lifecycle/existing.ts";
import { countUsableNodes, readCompleted, readLastJobSamples } from "../../store/job-progress.ts";
import { readTaskCounts } from "../../store/tasks.ts";
import type { HandlerContext, OperationHandlers } from "../context.ts";

/** The rate is that of so many samples. */
const recentSamples = 20;

export const progressHandlers = ({ database, samples }: HandlerContext) =>
  ({
    Job_GetProgress: async ({ account, params, now }) => {
      const job = await readExistingJob(database, account, params);
      const counts = await readTaskCounts(database, job);
      const completed = counts.succeeded + counts.failed;
      const facts = {
        job,
        counts: { active: counts.active, running: counts.running, completed },
        samples: await readLastJobSamples(database, job, recentSamples),
        usableNodes: await countUsableNodes(database, job),
      };
      const steps = keptSteps("others", samples);
      const end = new Date(Math.max((job.endTime ?? now).getTime(), job.creationTime.getTime() + 1));
      const time = seriesTime(steps, { from: job.creationTime, to: end, askedSeconds: undefined, now });
      const times = stepsOf(time);
      const known = await readCompleted(database, job, time);
      const all = counts.active + counts.running + completed;
      return {
        body: {
          jobId: job.id,
          state: job.state,
          time: isoTime(now),
          taskCounts: taskCounts(counts),
          taskSlotCounts: taskCounts({
            active: counts.activeSlots,
            running: counts.runningSlots,
            succeeded: counts.succeededSlots,
            failed: counts.failedSlots,
          }),
          completedShare: all === 0 ? null : completed / all,
          throughput: throughput(facts, now),
          estimate: estimate(facts, now),
          stepSeconds: time.stepSeconds,
          times: times.map(isoTime),
          completedTasks: completedInSteps(times, {
            known,
            last: completed,
            stepSeconds: time.stepSeconds,
            isWhole: now.getTime() - job.creationTime.getTime() < 86_400_000 * samples.hourSampleDays,
          }),
        },
      };
    },
  }) satisfies OperationHandlers;

function taskCounts(counts: Omit<TaskCounts, "completed">): TaskCounts {
  const { active, running, succeeded, failed } = counts;
  return { active, running, completed: succeeded + failed, succeeded, failed };
}
