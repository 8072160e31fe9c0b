import type { AutoScaleRun, Explanation } from "@kyanite/contract";
import type { Pool } from "../../domain/pool/pool.ts";
import { type AutoScaleSettings, tryFormula } from "../../lifecycle/auto-scale.ts";
import { type PoolIds, readExistingPool } from "../../lifecycle/existing.ts";
import { explainPool } from "../../scheduler/explain/pool.ts";
import type { Sql } from "../../store/database.ts";
import { countWaitingTasks, readPoolFacts } from "../../store/explanations.ts";
import type { Asked } from "./asked.ts";

/** @throws BatchError PoolNotFound */
export async function poolExplanation(
  { account, ids, sql, now }: Asked<PoolIds>,
  settings: AutoScaleSettings,
): Promise<Explanation> {
  const pool = await readExistingPool(sql, account, ids);
  const facts = await readPoolFacts(sql, pool);
  const waitingTasks = await countWaitingTasks(sql, pool);
  return explainPool({ facts, trial: await trialOf(sql, pool, { settings, now }), waitingTasks }, now);
}

/** What the formula of a pool would give now, without effect. */
async function trialOf(
  sql: Sql,
  pool: Pool,
  request: { readonly settings: AutoScaleSettings; readonly now: Date },
): Promise<AutoScaleRun | undefined> {
  if (!pool.enableAutoScale || pool.state !== "active") return undefined;
  return tryFormula(sql, pool, pool.spec.autoScaleFormula ?? "", request);
}
