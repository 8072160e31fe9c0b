import { after } from "../domain/time.ts";
import type { Sql } from "./database.ts";
import { unfoldSamples } from "./series.ts";

/**
 * Brings back what was noted under a clock that was ahead, where something waits for the time to be reached or to be
 * long past. Times that clients have given, or that are only shown, stay.
 */
export async function bringBackTimes(
  sql: Sql,
  { now, toleranceSeconds }: { readonly now: Date; readonly toleranceSeconds: number },
): Promise<void> {
  const latest = after(now, toleranceSeconds);
  await sql`
    update node set
      last_seen = least(last_seen, ${now}), state_transition_time = least(state_transition_time, ${now})
    where pk in (
      select pk from node where last_seen > ${latest} or state_transition_time > ${latest}
      order by pk for no key update
    )`;
  await sql`update job set completion_check_time = ${now} where completion_check_time > ${latest}`;
  await sql`
    update auto_scale a set due_time = ${now} from pool p
    where p.pk = a.pool_pk
      and a.due_time > ${latest}::timestamptz + coalesce(p.spec ->> 'autoScaleEvaluationInterval', 'PT15M')::interval`;
  // None is put off for more than an hour.
  await sql`
    update webhook set next_attempt_time = ${now}
    where next_attempt_time > ${latest}::timestamptz + interval '1 hour'`;
  await sql`update pool_sampling set at = ${now} where at > ${latest}`;
  await sql`delete from pool_sample where at > ${latest}`;
  await sql`delete from node_sample where at > ${latest}`;
  await sql`delete from account_sample where at > ${latest}`;
  await sql`delete from job_sample where at > ${latest}`;
  await unfoldSamples(sql, { from: now, latest });
}
