import type { UserIdentity } from "@kyanite/contract";
import type { Account } from "../domain/account/account.ts";
import { accountColumns } from "./accounts.ts";
import type { Sql } from "./database.ts";

/** The secret of this name, which is `value` when there was none yet. */
export async function keepSecret(sql: Sql, name: string, value: Uint8Array): Promise<Uint8Array> {
  await sql`insert into secret (name, value) values (${name}, ${Buffer.from(value)}) on conflict do nothing`;
  const [row] = await sql<{ value: Uint8Array }[]>`select value from secret where name = ${name}`;
  return row?.value ?? value;
}

/** The account, job and id of a task that is on a node now, and as whom it runs; undefined when it is not, or not any more. */
export async function readHolderOfToken(
  sql: Sql,
  { jobPk, taskPk }: { jobPk: number; taskPk: number },
): Promise<{ account: Account; jobId: string; taskId: string; identity?: UserIdentity } | undefined> {
  const [row] = await sql<(Account & { jobId: string; taskId: string; identity: UserIdentity | null })[]>`
    select ${accountColumns(sql)}, j.id as job_id, t.id as task_id, t.spec -> 'userIdentity' as identity
    from task t join job j on j.pk = t.job_pk join account a on a.pk = j.account_pk
    where t.pk = ${taskPk} and j.pk = ${jobPk} and t.state in ('preparing', 'running')`;
  if (!row) return undefined;
  const { jobId, taskId, identity, ...account } = row;
  return { account, jobId, taskId, ...(identity && { identity }) };
}
