import { areNoteworthy, type RunStep } from "@kyanite/contract";

/** The steps of a run that are worth being remembered: none when there is nothing to tell of them. */
export function notedSteps(steps: readonly RunStep[]): readonly RunStep[] {
  // Also of a time that there is not, such as a 60th second.
  const possible = steps.filter((step) => stepMilliseconds(step) >= 0);
  const lasting = possible.map((step) => ({ milliseconds: stepMilliseconds(step), bytes: step.bytes }));
  return areNoteworthy(lasting) ? possible : [];
}

export const stepMilliseconds = ({ startTime, endTime }: Pick<RunStep, "startTime" | "endTime">) =>
  Date.parse(endTime) - Date.parse(startTime);
