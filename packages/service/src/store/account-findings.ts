import type { Account } from "../domain/account/account.ts";
import type { AccountFacts, Found } from "../scheduler/explain/account.ts";
import type { Sql } from "./database.ts";
import { hasUnsatisfiable } from "./unsatisfiable.ts";

/** So many pools, or jobs, are looked at for each question about an account. */
const mostLookedAt = 1_000;
const mostNamed = 5;

type Findings = Pick<
  AccountFacts,
  | "sickPools"
  | "shortPools"
  | "failingFormulas"
  | "poollessJobs"
  | "disabledJobs"
  | "failingJobs"
  | "blockedJobs"
  | "unsatisfiableJobs"
>;

interface FoundRow extends Found {
  readonly extent: number;
}

/** What is amiss in an account: each question looks at a bounded number of pools or jobs. */
export async function readAccountFindings(sql: Sql, account: Account): Promise<Findings> {
  /** The first of what a statement finds, which gives `id` and `extent`, and how many there are. */
  const first = async (found: ReturnType<Sql>): Promise<FoundRow> => {
    const [row] = await sql<FoundRow[]>`
      select count(*)::int as total, coalesce(sum(extent), 0)::int as extent,
        coalesce((array_agg(id order by id))[1:${mostNamed}::int], '{}') as ids
      from (${found} limit ${mostLookedAt}) found`;
    return row ?? { ids: [], total: 0, extent: 0 };
  };
  const activeJobs = sql`(
    select * from job where account_pk = ${account.pk} and state = 'active' order by pk desc limit ${mostLookedAt}
  ) j`;
  const [sick, short, formulas, poolless, disabled, failing, blocked, unsatisfiable] = await Promise.all([
    first(sql`
      select p.id, count(*) as extent from pool p join node n on n.pool_pk = p.pk
      where p.account_pk = ${account.pk} and n.state in ('unusable', 'starttaskfailed', 'unknown')
      group by p.id`),
    first(sql`
      select id, 1 as extent from pool where account_pk = ${account.pk} and jsonb_array_length(resize_errors) > 0`),
    first(sql`
      select p.id, 1 as extent from pool p join auto_scale a on a.pool_pk = p.pk
      where p.account_pk = ${account.pk} and p.enable_auto_scale and a.run ? 'error'`),
    first(sql`
      select j.id, 1 as extent from ${activeJobs}
      where not exists (select from pool p where p.account_pk = j.account_pk and p.key = j.pool_key)`),
    first(sql`
      select id, 1 as extent from job where account_pk = ${account.pk} and state in ('disabled', 'disabling')`),
    first(sql`
      select j.id, c.failed as extent from ${activeJobs}
      cross join lateral (select sum(failed) as failed from task_count where job_pk = j.pk) c
      where c.failed > 0`),
    first(sql`
      select j.id, 1 as extent from ${activeJobs}
      cross join lateral (select sum(active) as active, sum(running) as running from task_count where job_pk = j.pk) c
      where j.uses_task_dependencies and c.active > 0 and c.running = 0
        and (select true from task t where t.job_pk + 0 = j.pk and t.state = 'active' and t.waiting_for = 0 limit 1) is null`),
    first(sql`
      select j.id, 1 as extent from ${activeJobs}
      join pool p on p.account_pk = j.account_pk and p.key = j.pool_key
      where ${hasUnsatisfiable(sql)}`),
  ]);
  return {
    sickPools: { ...sick, nodes: sick.extent },
    shortPools: short,
    failingFormulas: formulas,
    poollessJobs: poolless,
    disabledJobs: disabled,
    failingJobs: { ...failing, tasks: failing.extent },
    blockedJobs: blocked,
    unsatisfiableJobs: unsatisfiable,
  };
}
