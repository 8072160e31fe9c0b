import type { IncomingMessage } from "node:http";
import { BatchError } from "@kyanite/contract";
import { mostKeptBytes } from "@kyanite/contract/kept-bounds";
import { limitTo } from "@kyanite/runtime";
import { type SentLog, type TakeKeptLogParts, takeKeptLog } from "../../lifecycle/take-kept-log.ts";

/** Which file of which run a request brings; undefined when it is another. */
export function keptLogOf(url: string | undefined): { readonly runId: string; readonly number: number } | undefined {
  const [, runId, number] =
    /^\/agent\/kept\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/(\d{1,2})$/.exec(url ?? "") ?? [];
  return runId === undefined ? undefined : { runId, number: Number(number) };
}

/** So many are held in memory at a time; a node sends one after the other, and waits. */
const atOnce = 8;

const statuses = { taken: 204, unknown: 404, wrong: 400, full: 503 } as const;

/** Takes what agents send of the files of ended runs, and answers with a status. */
export function keptLogIntake(parts: TakeKeptLogParts) {
  const taking = limitTo(atOnce);
  const busyNodes = new Set<number>();
  const take = async (request: IncomingMessage, file: Omit<SentLog, "content">): Promise<number> => {
    const content = await readBody(request);
    if (content === undefined) return 413;
    try {
      return statuses[await takeKeptLog(parts, { ...file, content })];
    } catch (cause) {
      if (cause instanceof BatchError && cause.code === "ServerBusy") return 503;
      throw cause;
    }
  };
  return async (request: IncomingMessage, file: Omit<SentLog, "content">): Promise<number> => {
    // No node takes the places of others.
    if (busyNodes.has(file.nodePk)) return 503;
    busyNodes.add(file.nodePk);
    try {
      return await taking(() => take(request, file));
    } finally {
      busyNodes.delete(file.nodePk);
    }
  };
}

/** Undefined when it is more than is kept of any file; the rest is not waited for. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let length = 0;
  // The connection is still needed, for the answer.
  for await (const part of request.iterator({ destroyOnReturn: false })) {
    const bytes = Buffer.from(part);
    length += bytes.length;
    if (length > mostKeptBytes) return undefined;
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}
