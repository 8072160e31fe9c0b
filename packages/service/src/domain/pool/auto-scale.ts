import {
  type Evaluation,
  type Formula,
  FormulaError,
  parseFormula,
  type SampleUse,
  valueText,
} from "@kyanite/autoscale";
import {
  type AutoScaleRun,
  type AutoScaleTrigger,
  BatchError,
  invalidProperty,
  type PoolEnableAutoScaleParameter,
  parseDuration,
} from "@kyanite/contract";
import { after, isoTime } from "../time.ts";
import { moveAllocation, type Pool } from "./pool.ts";

/** When a pool evaluates its formula, and how it went last. */
export interface AutoScale {
  /** When a client last turned it on or changed it; null when the pool was added with it. */
  readonly enabledTime: Date | null;
  /** Null while it is off. */
  readonly dueTime: Date | null;
  readonly run: AutoScaleRun | null;
}

export const defaultInterval = "PT15M";
const secondsBetweenRequests = 30;

/**
 * @param least seconds that may lie between two evaluations
 * @throws BatchError InvalidPropertyValue for a shorter interval
 */
export function checkInterval(interval: string | undefined, least: number): void {
  if (interval === undefined || (parseDuration(interval) ?? 0) >= least) return;
  throw invalidProperty(
    "autoScaleEvaluationInterval",
    interval,
    `The interval may not be below ${least} seconds (setting auto-scale-minimum-seconds)`,
  );
}

/** @throws BatchError saying where the formula goes wrong */
export function checkedFormula(text: string | undefined): Formula {
  if (text === undefined || text.trim() === "")
    throw new BatchError("InvalidAutoScalingSettings", {
      PropertyName: "autoScaleFormula",
      Reason: "A pool with autoscale needs a formula",
    });
  try {
    return parseFormula(text);
  } catch (error) {
    if (!(error instanceof FormulaError)) throw error;
    const code = error.code === "AutoScalingFormulaTooLong" ? error.code : "AutoScalingFormulaSyntaxError";
    throw new BatchError(code, { PropertyName: "autoScaleFormula", Reason: error.detail }, { cause: error });
  }
}

/**
 * What a request to turn autoscale on makes of what was before.
 * @throws BatchError when it lacks what it needs, or comes too soon after the last
 */
export function enabledPool(
  pool: Pool,
  before: AutoScale | undefined,
  body: PoolEnableAutoScaleParameter,
  now: Date,
): { readonly pool: Pool; readonly autoScale: AutoScale } {
  const { autoScaleFormula, autoScaleEvaluationInterval } = body;
  if (pool.enableAutoScale && autoScaleFormula === undefined && autoScaleEvaluationInterval === undefined)
    throw new BatchError("InvalidAutoScalingSettings", {
      Reason: "Autoscale is on already: give a formula, an interval or both",
    });
  if (before?.enabledTime && after(before.enabledTime, secondsBetweenRequests) > now)
    throw new BatchError("TooManyEnableAutoScaleRequests");
  const spec = {
    ...pool.spec,
    enableAutoScale: true,
    autoScaleFormula: autoScaleFormula ?? pool.spec.autoScaleFormula,
    autoScaleEvaluationInterval:
      autoScaleEvaluationInterval ?? pool.spec.autoScaleEvaluationInterval ?? defaultInterval,
  };
  checkedFormula(spec.autoScaleFormula);
  const next = { ...pool, enableAutoScale: true, lastModified: now, spec };
  // A formula alone does not disturb the timetable.
  const keepsTimetable = pool.enableAutoScale && autoScaleEvaluationInterval === undefined;
  const dueTime = (keepsTimetable && before?.dueTime) || after(now, intervalSeconds(next));
  return { pool: next, autoScale: { enabledTime: now, dueTime, run: before?.run ?? null } };
}

/** The pool with autoscale off; its last targets stay. */
export function disabledPool(pool: Pool, now: Date): Pool {
  const { autoScaleFormula: _, autoScaleEvaluationInterval: __, ...spec } = pool.spec;
  return { ...pool, enableAutoScale: false, lastModified: now, spec: { ...spec, enableAutoScale: false } };
}

export function intervalSeconds(pool: Pool): number {
  return parseDuration(pool.spec.autoScaleEvaluationInterval ?? defaultInterval) ?? 900;
}

/** The next time in a timetable that is yet to come: what was missed while no server ran is not made up for. */
export function nextDue(due: Date, interval: number, now: Date): Date {
  const missed = Math.floor((now.getTime() - due.getTime()) / (1000 * interval));
  return after(due, interval * (Math.max(0, missed) + 1));
}

/**
 * The pool after an evaluation of its formula. It sets out to reach the targets when they are new, or when the last
 * resize did not get there; `always` when it has only just been told to scale by itself.
 */
export function scaledPool(
  pool: Pool,
  { targets, error }: Pick<Evaluation, "targets" | "error">,
  nodes: NodeNumbers,
  { always, now }: { readonly always: boolean; readonly now: Date },
): Pool {
  if (error) return pool;
  const { targetDedicatedNodes, targetLowPriorityNodes, nodeDeallocationOption } = targets;
  const isNew =
    targetDedicatedNodes !== pool.targetDedicatedNodes || targetLowPriorityNodes !== pool.targetLowPriorityNodes;
  const fellShort =
    pool.allocationState === "steady" &&
    (nodes.currentDedicatedNodes !== targetDedicatedNodes || nodes.currentLowPriorityNodes !== targetLowPriorityNodes);
  if (!isNew && !fellShort && !always) return pool;
  return {
    ...moveAllocation(pool, "resize", now),
    targetDedicatedNodes,
    targetLowPriorityNodes,
    nodeDeallocationOption,
    // The pool's timeout is for resizes by hand: the next evaluation comes anyway.
    resizeDeadline: null,
    resizeErrors: null,
  };
}

/** How many nodes a pool has, those that are leaving included. */
export interface NodeNumbers {
  readonly currentDedicatedNodes: number;
  readonly currentLowPriorityNodes: number;
}

/** An evaluation as clients see it. */
export function autoScaleRun(
  { results, error, trace }: Pick<Evaluation, "results" | "error" | "trace">,
  now: Date,
  trigger?: AutoScaleTrigger,
): AutoScaleRun {
  return {
    timestamp: isoTime(now),
    results,
    ...(error ? { error: runError(error) } : {}),
    ...(trigger ? { trigger } : {}),
    statements: trace.map(({ statement, value, uses }) => ({
      ...statement.at,
      text: statement.text,
      ...(value ? { value: cut(valueText(value)) } : {}),
      samples: uses.map(shownUse),
    })),
  };
}

/** What a pool shows of its latest evaluation. */
export function shownRun({ timestamp, results, error }: AutoScaleRun): AutoScaleRun {
  return { timestamp, ...(results === undefined ? {} : { results }), ...(error ? { error } : {}) };
}

function runError({ code, message, detail }: FormulaError) {
  return { code, message, values: [{ name: "Message", value: detail }] };
}

const mostValues = 100;
const mostCharacters = 1000;

const cut = (text: string) => (text.length > mostCharacters ? `${text.slice(0, mostCharacters)}…` : text);

function shownUse({ variable, method, samples, window }: SampleUse) {
  return {
    variable,
    ...(method === "" ? {} : { method }),
    ...(window
      ? {
          startTime: isoTime(new Date(window.start)),
          endTime: isoTime(new Date(window.end)),
          percent: window.percent,
        }
      : {}),
    count: samples.length,
    values: samples.slice(-mostValues).map(({ value }) => value),
  };
}
