import type { AuditLine } from "../domain/audit/line.ts";
import { type Database, hasSqlState, type Sql, transaction } from "./database.ts";
import { makeDays } from "./day-partitions.ts";

const table = "audit";

/** Keeps a line of the audit by itself. */
export function insertAudit(database: Database, line: AuditLine): Promise<void> {
  return withDay(database, line.time, () => insert(database, line));
}

/** Runs a change in one transaction with its line of the audit: there is neither without the other. */
export function auditedTransaction<Result>(
  database: Database,
  line: AuditLine,
  change: (sql: Sql) => Promise<Result>,
): Promise<Result> {
  return withDay(database, line.time, () =>
    transaction(database, async (sql) => {
      // The line is sent together with the first statement of the change, and heard of before anything is committed.
      const [kept, changed] = await Promise.allSettled([insert(sql, line), change(sql)]);
      if (kept.status === "rejected") throw kept.reason;
      if (changed.status === "rejected") throw changed.reason;
      return changed.value;
    }),
  );
}

/** Makes the partition for what is written now if nobody has yet. */
async function withDay<Result>(database: Database, now: Date, write: () => Promise<Result>): Promise<Result> {
  try {
    return await write();
  } catch (cause) {
    // What the server has for a row that fits into no partition.
    if (!hasSqlState(cause, "23514")) throw cause;
    await makeDays(database, table, now);
    return write();
  }
}

async function insert(sql: Sql, line: AuditLine): Promise<void> {
  const { time, account, plane, operation, resource, credential, principal, principalName, role } = line;
  const { address, userAgent, requestId, status, errorCode, count } = line;
  await sql`
    insert into audit (time, account, plane, operation, resource, credential, principal, principal_name, role, address,
      user_agent, request_id, status, error_code, count)
    values (${time}, ${account}, ${plane}, ${operation}, ${resource}, ${credential}, ${principal}, ${principalName},
      ${role}, ${address}, ${userAgent}, ${requestId}, ${status}, ${errorCode}, ${count})`;
}

/** Where a page of the audit ended. */
export interface AuditPlace {
  readonly time: Date;
  readonly id: number;
}

export type AuditRow = AuditLine & AuditPlace;

export interface AuditQuery {
  readonly from?: Date;
  readonly to?: Date;
  readonly principal?: string;
  readonly operation?: string;
  /** What is below it is meant as well. */
  readonly resource?: string;
  readonly after?: AuditPlace;
  readonly limit: number;
}

/** So many lines of an account are looked at for one page, however few of them are wanted. */
const mostLookedAt = 10_000;

/**
 * Lines of an account since it was made, latest first, and where to go on when they are not all: a page of what is rare
 * may have few of them, or none.
 */
export async function listAudit(
  sql: Sql,
  account: { readonly pk: number; readonly name: string },
  query: AuditQuery,
): Promise<{ readonly lines: readonly AuditRow[]; readonly next?: AuditPlace }> {
  const { principal, operation, resource, limit } = query;
  const lookedAt = lookAt(sql, account, query);
  const lines = await sql<AuditRow[]>`
    select * from (${lookedAt}) line
    where (${principal ?? null}::text is null or principal = ${principal ?? null} or principal_name = ${principal ?? null})
      and (${operation ?? null}::text is null or operation = ${operation ?? null})
      and (${resource ?? null}::text is null or resource = ${resource ?? null}
        or starts_with(resource, ${resource === undefined ? null : `${resource}/`}))
    order by time desc, id desc limit ${limit}`;
  const last = lines.length === limit ? lines.at(-1) : await endOf(sql, lookedAt);
  return { lines, ...(last ? { next: { time: last.time, id: last.id } } : {}) };
}

function lookAt(sql: Sql, account: { readonly pk: number; readonly name: string }, { from, to, after }: AuditQuery) {
  return sql`
    select * from audit
    where account = ${account.name}
      and time >= (select creation_time from account where pk = ${account.pk})
      ${from ? sql`and time >= ${from}` : sql``}
      ${to ? sql`and time < ${to}` : sql``}
      ${after ? sql`and (time, id) < (${after.time}, ${after.id})` : sql``}
    order by time desc, id desc limit ${mostLookedAt}`;
}

/** The last line that was looked at, when there may be more behind it. */
async function endOf(sql: Sql, lookedAt: ReturnType<typeof lookAt>): Promise<AuditPlace | undefined> {
  const [end] = await sql<AuditPlace[]>`
    select time, id from (${lookedAt}) line order by time desc, id desc offset ${mostLookedAt - 1}`;
  return end;
}
