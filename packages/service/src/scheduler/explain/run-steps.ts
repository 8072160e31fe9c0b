import type { ExplainedStep, RunStep, RunStepName } from "@kyanite/contract";
import { stepMilliseconds } from "../../domain/run/run-steps.ts";
import { isoTime } from "../../domain/time.ts";
import { amount, exactPeriod } from "./words.ts";

/** What a step is called in a sentence. */
const words: Readonly<Record<RunStepName, string>> = {
  directories: "making directories",
  packages: "packages",
  downloads: "resource files",
  command: "the command",
  upload: "output files",
};

interface StepTotal {
  readonly name: RunStepName;
  readonly seconds: number;
  readonly bytes: number;
}

/** The steps of a run one by one, and how much of the whole each took. */
export function explainedSteps(steps: readonly RunStep[], wholeSeconds: number): ExplainedStep[] {
  return steps.map((step) => {
    const total = totalOf(step);
    const { seconds, bytes } = total;
    const text = `${capitalised(words[step.name])} took ${exactPeriod(seconds)} of ${exactPeriod(wholeSeconds)}${moved(total, ": ")}`;
    const rate = rateOf(total);
    return {
      step: step.name,
      startTime: isoTime(new Date(step.startTime)),
      seconds,
      ...(bytes > 0 ? { bytes } : {}),
      ...(rate === undefined ? {} : { bytesPerSecond: Math.round(rate) }),
      text,
    };
  });
}

/** How a run's time was divided among its steps, without those that hardly took any; undefined when none did. */
export function splitOfRun(steps: readonly RunStep[], wholeSeconds: number): string | undefined {
  const least = Math.max(0.01, wholeSeconds / 100);
  const shown = totals(steps).filter(({ seconds }) => seconds >= least);
  if (shown.length === 0) return undefined;
  const parts = shown.map((total) => {
    const what = moved(total, "");
    return `${words[total.name]} ${exactPeriod(total.seconds)}${what === "" ? "" : ` (${what})`}`;
  });
  const rest = wholeSeconds - totals(steps).reduce((sum, { seconds }) => sum + seconds, 0);
  return [...parts, ...(rest >= Math.max(0.1, wholeSeconds / 20) ? [`the rest ${exactPeriod(rest)}`] : [])].join(", ");
}

/** The step beside the command that took longest, as a clause, when it took a second and a tenth of the run at least. */
export function slowStep(steps: readonly RunStep[], wholeSeconds: number): string | undefined {
  const [slowest] = totals(steps)
    .filter(({ name }) => name !== "command")
    .toSorted((one, other) => other.seconds - one.seconds);
  if (slowest === undefined || slowest.seconds < Math.max(1, wholeSeconds / 10)) return undefined;
  const { name, seconds } = slowest;
  return `${words[name]} took ${exactPeriod(seconds)} of ${exactPeriod(wholeSeconds)}${moved(slowest, ": ")}`;
}

/** Some may be there twice. */
function totals(steps: readonly RunStep[]): StepTotal[] {
  const all = new Map<RunStepName, StepTotal>();
  for (const step of steps) {
    const before = all.get(step.name) ?? { seconds: 0, bytes: 0 };
    const { name, seconds, bytes } = totalOf(step);
    all.set(name, { name, seconds: before.seconds + seconds, bytes: before.bytes + bytes });
  }
  return [...all.values()];
}

const totalOf = (step: RunStep): StepTotal => ({
  name: step.name,
  seconds: stepMilliseconds(step) / 1000,
  bytes: step.bytes ?? 0,
});

const rateOf = ({ bytes, seconds }: StepTotal) => (bytes > 0 && seconds > 0 ? bytes / seconds : undefined);

function moved(total: StepTotal, before: string): string {
  if (total.bytes === 0) return "";
  const rate = rateOf(total);
  return `${before}${amount(total.bytes)}${rate === undefined ? "" : ` at ${amount(rate)}/s`}`;
}

const capitalised = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
