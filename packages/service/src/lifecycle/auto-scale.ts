import { type Evaluation, evaluate, type Formula, FormulaError, parseFormula } from "@kyanite/autoscale";
import type { AutoScaleRun, AutoScaleTrigger, PoolEnableAutoScaleParameter } from "@kyanite/contract";
import {
  autoScaleRun,
  checkInterval,
  disabledPool,
  enabledPool,
  intervalSeconds,
  nextDue,
  scaledPool,
  shownRun,
} from "../domain/pool/auto-scale.ts";
import type { Pool } from "../domain/pool/pool.ts";
import { after } from "../domain/time.ts";
import { insertAutoScaleRun, readAutoScale, saveAutoScale } from "../store/auto-scale.ts";
import { type Database, type Sql, transaction } from "../store/database.ts";
import { readNodeNumbers } from "../store/nodes.ts";
import { notify } from "../store/notices.ts";
import { lockPoolByPk, savePool } from "../store/pools.ts";
import { readPoolHistory } from "../store/samples.ts";
import { checkPoolAction } from "./pool-action.ts";

/** What an operator decided about autoscale. */
export interface AutoScaleSettings {
  /** The shortest interval between evaluations. */
  readonly autoScaleMinimumSeconds: number;
  /** How far apart the samples of a pool are. */
  readonly poolSampleSeconds: number;
}

/** Who asks for something to happen to a pool that is locked, and when. */
export interface AutoScaleRequest {
  readonly settings: AutoScaleSettings;
  readonly now: Date;
}

/**
 * Evaluates a formula for a pool as it is, without effect. A text that is no formula is an error of the evaluation.
 * @throws BatchError when the pool does not scale by itself
 */
export async function tryFormula(
  sql: Sql,
  pool: Pool,
  text: string,
  { settings, now }: AutoScaleRequest,
): Promise<AutoScaleRun> {
  checkPoolAction("evaluateAutoScale", pool);
  return autoScaleRun(await evaluateFor(sql, pool, text, { settings, now }), now);
}

/** Begins the timetable of a new pool with a first evaluation. */
export async function beginAutoScale(sql: Sql, pool: Pool, { settings, now }: AutoScaleRequest): Promise<void> {
  const { run, next } = await runFormula(sql, pool, "create", { settings, now });
  await savePool(sql, next, "service");
  await saveAutoScale(sql, pool, { enabledTime: null, dueTime: after(now, intervalSeconds(pool)), run: shownRun(run) });
}

/** Turns autoscale on, or changes it, and evaluates the formula at once. */
export async function enableAutoScale(
  sql: Sql,
  pool: Pool,
  body: PoolEnableAutoScaleParameter,
  { settings, now }: AutoScaleRequest,
): Promise<{ etag: string }> {
  checkPoolAction(pool.enableAutoScale ? "changeAutoScale" : "enableAutoScale", pool);
  checkInterval(body.autoScaleEvaluationInterval, settings.autoScaleMinimumSeconds);
  const enabled = enabledPool(pool, await readAutoScale(sql, pool), body, now);
  const { run, next } = await runFormula(sql, enabled.pool, "enable", { settings, now }, !pool.enableAutoScale);
  const saved = await savePool(sql, next, "client");
  // A mere change leaves the latest run on show until the next one of the timetable.
  const shown = pool.enableAutoScale ? enabled.autoScale.run : shownRun(run);
  await saveAutoScale(sql, pool, { ...enabled.autoScale, run: shown });
  return saved;
}

/** Turns autoscale off; it may be off already. */
export async function disableAutoScale(sql: Sql, pool: Pool, now: Date): Promise<{ etag: string }> {
  checkPoolAction("disableAutoScale", pool);
  const saved = await savePool(sql, disabledPool(pool, now), "client");
  const autoScale = await readAutoScale(sql, pool);
  if (autoScale) await saveAutoScale(sql, pool, { ...autoScale, dueTime: null, run: null });
  return saved;
}

/** Evaluates a pool's formula beside its timetable, and applies the result. */
export async function runAutoScaleNow(sql: Sql, pool: Pool, request: AutoScaleRequest): Promise<AutoScaleRun> {
  checkPoolAction("runAutoScale", pool);
  return runAndShow(sql, pool, "request", request);
}

/** Evaluates a pool's formula if it is time to; undefined when it is not, or not any more. */
export async function runAutoScaleWhenDue(
  database: Database,
  poolPk: number,
  request: AutoScaleRequest,
): Promise<{ readonly pool: Pool; readonly run: AutoScaleRun } | undefined> {
  return transaction(database, async (sql) => {
    const pool = await lockPoolByPk(sql, poolPk);
    const autoScale = pool && (await readAutoScale(sql, pool));
    if (!pool || !autoScale?.dueTime || autoScale.dueTime > request.now) return undefined;
    if (!pool.enableAutoScale || pool.state !== "active") {
      await saveAutoScale(sql, pool, { ...autoScale, dueTime: null });
      return undefined;
    }
    const run = await runAndShow(sql, pool, "interval", request);
    return { pool, run };
  });
}

async function runAndShow(
  sql: Sql,
  pool: Pool,
  trigger: AutoScaleTrigger,
  request: AutoScaleRequest,
): Promise<AutoScaleRun> {
  const { now } = request;
  const { run, next } = await runFormula(sql, pool, trigger, request);
  if (next !== pool) await savePool(sql, next, "service");
  const autoScale = await readAutoScale(sql, pool);
  const interval = intervalSeconds(pool);
  const due = autoScale?.dueTime ?? after(now, interval);
  await saveAutoScale(sql, pool, {
    enabledTime: autoScale?.enabledTime ?? null,
    dueTime: due > now ? due : nextDue(due, interval, now),
    run: shownRun(run),
  });
  return run;
}

/** Evaluates a pool's own formula, keeps the evaluation, and answers what becomes of the pool. */
async function runFormula(
  sql: Sql,
  pool: Pool,
  trigger: AutoScaleTrigger,
  request: AutoScaleRequest,
  always = false,
): Promise<{ readonly run: AutoScaleRun; readonly next: Pool }> {
  const { now } = request;
  const evaluation = await evaluateFor(sql, pool, pool.spec.autoScaleFormula ?? "", request);
  const run = autoScaleRun(evaluation, now, trigger);
  await insertAutoScaleRun(sql, pool, run);
  const next = scaledPool(pool, evaluation, await readNodeNumbers(sql, pool.pk), { always, now });
  if (next !== pool) await notify(sql, "pools");
  return { run, next };
}

async function evaluateFor(
  sql: Sql,
  pool: Pool,
  text: string,
  { settings, now }: AutoScaleRequest,
): Promise<Pick<Evaluation, "targets" | "results" | "error" | "trace">> {
  const { targetDedicatedNodes, targetLowPriorityNodes } = pool;
  const { formula, error } = parsed(text);
  const nodes = await readNodeNumbers(sql, pool.pk);
  const periodSeconds = settings.poolSampleSeconds;
  const evaluation = evaluate(formula, {
    now,
    targetDedicatedNodes,
    targetLowPriorityNodes,
    current: {
      $CurrentDedicatedNodes: nodes.currentDedicatedNodes,
      $CurrentLowPriorityNodes: nodes.currentLowPriorityNodes,
      $TaskSlotsPerNode: pool.taskSlotsPerNode,
    },
    history: await readPoolHistory(sql, pool.pk, formula.variables, { now, periodSeconds }),
    random: Math.random,
    hasOneKind: pool.enableInterNodeCommunication,
  });
  return error ? { ...evaluation, error } : evaluation;
}

const nothing: Formula = { statements: [], variables: new Set() };

function parsed(text: string): { readonly formula: Formula; readonly error?: FormulaError } {
  try {
    return { formula: parseFormula(text) };
  } catch (error) {
    if (error instanceof FormulaError) return { formula: nothing, error };
    throw error;
  }
}
