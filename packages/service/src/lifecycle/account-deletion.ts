import type { Account } from "../domain/account/account.ts";
import { after } from "../domain/time.ts";
import { deleteAccount, readAccountContents } from "../store/account-contents.ts";
import { lockAccountToDelete, readDeletingAccounts } from "../store/accounts.ts";
import { type Database, type Sql, transaction } from "../store/database.ts";
import { lockJobSchedule } from "../store/job-schedules.ts";
import { lockJob } from "../store/jobs.ts";
import { lockPool } from "../store/pools.ts";
import { blobGraceSeconds } from "./application.ts";
import { beginDeleteJob } from "./job.ts";
import { beginDeleteJobSchedule } from "./job-schedule.ts";
import { beginDeletePool } from "./pool.ts";

/** Brings the deletion of accounts on: first what is in them, each in its own way, and then the accounts themselves. */
export async function advanceAccountDeletions(database: Database, now: Date): Promise<void> {
  for (const account of await readDeletingAccounts(database)) await advance(database, account, now);
}

async function advance(database: Database, account: Account, now: Date): Promise<void> {
  const { jobSchedules, jobs, pools, isEmpty } = await readAccountContents(database, account);
  const each = async (ids: readonly string[], begin: (sql: Sql, id: string) => Promise<void>) => {
    for (const id of ids) await transaction(database, (sql) => begin(sql, id));
  };
  await each(jobSchedules, async (sql, id) => {
    const schedule = await lockJobSchedule(sql, account, id);
    if (schedule && schedule.state !== "deleting") await beginDeleteJobSchedule(sql, schedule, true, now);
  });
  await each(jobs, async (sql, id) => {
    const job = await lockJob(sql, account, id);
    if (job && job.state !== "deleting") await beginDeleteJob(sql, job, true, now);
  });
  await each(pools, async (sql, id) => {
    const pool = await lockPool(sql, account, id);
    if (pool && pool.state !== "deleting") await beginDeletePool(sql, pool, now);
  });
  if (isEmpty) await transaction(database, (sql) => deleteIfEmpty(sql, account, now));
}

/** Checks again: a request that was let in before the deletion may have added something. */
async function deleteIfEmpty(sql: Sql, account: Account, now: Date): Promise<void> {
  await lockAccountToDelete(sql, account);
  const { isEmpty } = await readAccountContents(sql, account);
  if (isEmpty) await deleteAccount(sql, account, after(now, blobGraceSeconds));
}
