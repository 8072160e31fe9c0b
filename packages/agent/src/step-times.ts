import type { RunStep, RunStepName } from "@kyanite/contract";
import type { Clock } from "@kyanite/runtime";

/** When a run took which steps. */
export interface StepTimes {
  /** Does a step, and takes its time, also when it fails. */
  during<Result>(name: RunStepName, work: () => Promise<Result>): Promise<Result>;
  /** Those that have ended, in their order. */
  readonly taken: readonly RunStep[];
}

/** As many as a report may tell of: a run that was begun anew has some twice. */
const most = 16;

export function stepTimes(clock: Pick<Clock, "now">): StepTimes {
  const taken: RunStep[] = [];
  return {
    taken,
    async during(name, work) {
      const startTime = clock.now().toISOString();
      try {
        return await work();
      } finally {
        if (taken.length < most) taken.push({ name, startTime, endTime: clock.now().toISOString() });
      }
    },
  };
}

/** Of a run of which nobody wants to know. */
export const noStepTimes: StepTimes = { taken: [], during: (_, work) => work() };
