import { Readable } from "node:stream";
import { type AuditEntry, BatchError } from "@kyanite/contract";
import type { Account } from "../../domain/account/account.ts";
import { csvLine } from "../../domain/csv.ts";
import { isoTime } from "../../domain/time.ts";
import { type AuditPlace, type AuditQuery, type AuditRow, listAudit } from "../../store/audit.ts";
import type { Database } from "../../store/database.ts";
import type { HandlerContext, OperationHandlers } from "../context.ts";
import { preferredType } from "../media-types.ts";

/** The forms in which the audit is shown; the first is a page, the others are all of it. */
const forms = ["application/json", "text/csv", "application/jsonl"] as const;

export const auditHandlers = ({ database }: HandlerContext) =>
  ({
    Audit_List: async ({ account, query, list, accept, signal }) => {
      const asked = auditQuery(query, list.after);
      const form = preferredType(accept, forms);
      if (form === "application/json") {
        const { lines, next } = await listAudit(database, account, { ...asked, limit: list.limit });
        return { body: { items: lines.map(entryOf), ...(next ? { next: writePlace(next) } : {}) } };
      }
      const most = query.maxresults ?? Number.POSITIVE_INFINITY;
      const lines = everyLine(database, account, { ...asked, most, signal });
      return { stream: Readable.from(form === "text/csv" ? asCsv(lines) : asJsonLines(lines)), headers: typeOf(form) };
    },
  }) satisfies OperationHandlers;

const typeOf = (form: string) => ({
  "content-type": form === "text/csv" ? `${form}; charset=utf-8; header=present` : form,
});

interface AskedAudit extends Pick<AuditQuery, "principal" | "operation" | "resource"> {
  readonly from?: string;
  readonly to?: string;
}

function auditQuery({ from, to, principal, operation, resource }: AskedAudit, after: string | undefined) {
  return {
    ...(principal === undefined ? {} : { principal }),
    ...(operation === undefined ? {} : { operation }),
    ...(resource === undefined ? {} : { resource: resource.replace(/(.)\/$/, "$1") }),
    ...(from === undefined ? {} : { from: new Date(from) }),
    ...(to === undefined ? {} : { to: new Date(to) }),
    ...(after === undefined ? {} : { after: readPlace(after) }),
  };
}

/** So many lines are in memory at a time. */
const pageLines = 1_000;

/** All lines, read as they are taken. */
async function* everyLine(
  database: Database,
  account: Account,
  { most, signal, ...query }: Omit<AuditQuery, "limit"> & { readonly most: number; readonly signal: AbortSignal },
): AsyncGenerator<AuditEntry> {
  let left = most;
  let after = query.after;
  while (left > 0 && !signal.aborted) {
    const limit = Math.min(left, pageLines);
    const { lines, next } = await listAudit(database, account, { ...query, ...(after ? { after } : {}), limit });
    for (const line of lines) yield entryOf(line);
    if (!next) return;
    left -= lines.length;
    after = next;
  }
}

const columns = [
  "time",
  "requestId",
  "plane",
  "operation",
  "resource",
  "credential",
  "principal",
  "principalName",
  "role",
  "address",
  "userAgent",
  "status",
  "error",
  "count",
] as const satisfies readonly (keyof AuditEntry)[];

async function* asCsv(lines: AsyncIterable<AuditEntry>): AsyncGenerator<string> {
  yield csvLine(columns);
  for await (const line of lines) yield csvLine(columns.map((name) => line[name]));
}

async function* asJsonLines(lines: AsyncIterable<AuditEntry>): AsyncGenerator<string> {
  for await (const line of lines) yield `${JSON.stringify(line)}\n`;
}

function entryOf(row: AuditRow): AuditEntry {
  const { plane, operation, resource, credential, address, status, count } = row;
  return {
    time: isoTime(row.time),
    requestId: row.requestId,
    plane,
    operation,
    resource,
    credential,
    ...(row.principal === null ? {} : { principal: row.principal }),
    ...(row.principalName === null ? {} : { principalName: row.principalName }),
    ...(row.role === null ? {} : { role: row.role }),
    address,
    ...(row.userAgent === null ? {} : { userAgent: row.userAgent }),
    status,
    ...(row.errorCode === null ? {} : { error: row.errorCode }),
    count,
  };
}

const writePlace = ({ time, id }: AuditPlace) => `${time.toISOString()} ${id}`;

function readPlace(text: string): AuditPlace {
  const [, time = "", id = ""] = /^(\S+) (\d{1,15})$/.exec(text) ?? [];
  const place = { time: new Date(time), id: Number(id) };
  if (!Number.isNaN(place.time.getTime())) return place;
  throw new BatchError("InvalidQueryParameterValue", {
    QueryParameterName: "$skiptoken",
    Reason: "Not a token of this list",
  });
}
