import type { RunStep } from "@kyanite/contract";
import { areNoteworthy, mostRunSteps, type RunStepName } from "@kyanite/contract/run-steps";
import type { Clock } from "@kyanite/runtime";

/** When a run took which steps. */
export interface StepTimes {
  /** Does a step, and takes its time, also when it fails. */
  during<Result>(name: RunStepName, work: () => Promise<Result>): Promise<Result>;
  /** Counts what the step that is under way has fetched or sent. */
  addBytes(bytes: number): void;
  /** Those that have ended, in their order, if there is anything to tell of them. */
  told(): readonly RunStep[];
}

/** By the clock that is never set, so that no step takes less than no time. */
interface TakenStep {
  readonly name: RunStepName;
  readonly start: number;
  readonly milliseconds: number;
  readonly bytes: number;
}

/** @param isTraced whether all is told, however short the run was */
export function stepTimes(clock: Pick<Clock, "now" | "elapsed">, isTraced = false): StepTimes {
  const zero = clock.now().getTime() - clock.elapsed();
  const taken: TakenStep[] = [];
  let bytes = 0;
  return {
    async during(name, work) {
      const start = clock.elapsed();
      bytes = 0;
      try {
        return await work();
      } finally {
        // A run that was begun anew has some twice.
        if (taken.length < mostRunSteps) taken.push({ name, start, milliseconds: clock.elapsed() - start, bytes });
      }
    },
    addBytes(more) {
      bytes += more;
    },
    told: () => (isTraced || areNoteworthy(taken) ? taken.map((step) => runStep(step, zero)) : []),
  };
}

const runStep = ({ name, start, milliseconds, bytes }: TakenStep, zero: number): RunStep => ({
  name,
  startTime: new Date(zero + start).toISOString(),
  endTime: new Date(zero + start + milliseconds).toISOString(),
  ...(bytes > 0 && { bytes }),
});
