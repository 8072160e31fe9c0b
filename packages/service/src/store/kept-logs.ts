import type { BlobPlace } from "../domain/account/storage.ts";
import type { PastFile } from "../domain/run/past-run.ts";
import type { Sql } from "./database.ts";

/** A file of a run that was announced, and what is needed to put it away. */
export interface AnnouncedLog {
  readonly pastRunPk: number;
  readonly file: PastFile;
  readonly hasCome: boolean;
  readonly jobId: string;
  readonly taskId: string;
  /** Whether the task has ended with this run. */
  readonly isLast: boolean;
  /** Name of the storage account that is linked with the account. */
  readonly storageAccount: string | null;
}

/** A file that a node has announced; undefined when it has not, or nobody wants it any more. */
export async function readAnnouncedLog(
  sql: Sql,
  { runId, number, nodePk }: { readonly runId: string; readonly number: number; readonly nodePk: number },
): Promise<AnnouncedLog | undefined> {
  const [log] = await sql<AnnouncedLog[]>`
    select k.past_run_pk, r.files -> k.number::integer as file, k.content is not null or k.blob is not null as has_come,
      j.id as job_id, t.id as task_id, t.state = 'completed' and t.end_time = r.end_time as is_last, a.storage_account
    from kept_log k
    join past_run r on r.pk = k.past_run_pk
    join task t on t.pk = r.task_pk
    join job j on j.pk = t.job_pk
    join account a on a.pk = r.account_pk
    where k.run_id = ${runId} and k.number = ${number} and k.node_pk = ${nodePk}`;
  return log;
}

/** Where the content of a file is that has come. */
export type StoredLog =
  | { readonly content: Buffer }
  | { readonly content: null; readonly storageAccount: string; readonly container: string; readonly blob: string };

export async function readStoredLog(
  sql: Sql,
  { runId, number }: { readonly runId: string; readonly number: number },
): Promise<StoredLog | undefined> {
  const [log] = await sql<StoredLog[]>`
    select content, storage_account, container, blob from kept_log
    where run_id = ${runId} and number = ${number} and num_nonnulls(content, blob) > 0`;
  return log;
}

interface LogKey {
  readonly runId: string;
  readonly number: number;
}

/** Keeps a file in the database, and counts it in; what has come before stays. */
export async function saveLogContent(sql: Sql, { runId, number }: LogKey, content: Buffer): Promise<void> {
  await sql`
    with saved as (
      update kept_log set content = ${content}
      where run_id = ${runId} and number = ${number} and num_nonnulls(content, blob) = 0
      returning past_run_pk
    )
    update past_run r set bytes = r.bytes + ${content.length} from saved where r.pk = saved.past_run_pk`;
}

/** Notes in which blob a file is; answers false when nobody wants it any more. */
export async function saveLogBlob(
  sql: Sql,
  { runId, number }: LogKey,
  { storageAccount, container, blob, etag }: BlobPlace & { readonly etag: string },
): Promise<boolean> {
  const saved = await sql`
    update kept_log set storage_account = ${storageAccount}, container = ${container}, blob = ${blob}, etag = ${etag}
    where run_id = ${runId} and number = ${number} and content is null`;
  return saved.count > 0;
}
