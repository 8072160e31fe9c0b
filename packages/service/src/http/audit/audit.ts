import type { Clock, Log } from "@kyanite/runtime";
import { type AuditLine, auditLine, keeping } from "../../domain/audit/line.ts";
import { countRefusal, type Refusals, takeRefusals } from "../../domain/audit/refusals.ts";
import type { Sql } from "../../store/database.ts";
import type { HttpAnswer } from "../answers.ts";
import type { Transact } from "../handler.ts";
import type { HttpRequest } from "../serve.ts";
import type { Notes } from "./noting.ts";

/** Keeps who did what. */
export interface Audit {
  /**
   * Transactions for the change that a request asks for: the first that is committed keeps the line, too.
   * @param status with which the request is answered when it succeeds
   */
  transactions(request: HttpRequest, notes: Notes, status: number): Transact;
  /**
   * Resolves when all that is to be kept of a request is durable: only then it may be answered.
   * @throws what the database does
   */
  record(request: HttpRequest, notes: Notes, answer: HttpAnswer): Promise<void>;
  /** Keeps what has only been counted yet. */
  stop(): Promise<void>;
}

export interface AuditParts {
  readonly insert: (line: AuditLine) => Promise<void>;
  /** Runs a transaction that keeps a line as well, if there is one. */
  readonly transact: <Result>(line: AuditLine | undefined, change: (sql: Sql) => Promise<Result>) => Promise<Result>;
  /** Told of each stranger that is refused. */
  readonly onRefusal: (plane: AuditLine["plane"]) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** Refusals of strangers are counted for so long. */
const periodSeconds = 60;

export function startAudit({ insert, transact, onRefusal, clock, log }: AuditParts): Audit {
  const refusals: Refusals = new Map();
  const keepCounted = async () => {
    const lines = takeRefusals(refusals);
    await Promise.all(lines.map(insert)).catch((cause: unknown) => log.warn("refusals not kept", { cause }));
  };
  const lineOf = (request: HttpRequest, notes: Notes, answer: Pick<HttpAnswer, "status" | "errorCode">) =>
    auditLine(notes.known(), {
      time: clock.now(),
      requestId: request.requestId,
      address: request.remoteAddress,
      userAgent: request.headers["user-agent"]?.toString(),
      status: answer.status,
      errorCode: answer.errorCode,
    });
  const stopping = new AbortController();
  const counting = keepOn(keepCounted, clock, stopping.signal);
  return {
    transactions: (request, notes, status) => async (change) => {
      if (keeping(notes.known(), status) !== "line") return transact(undefined, change);
      const result = await transact(lineOf(request, notes, { status }), change);
      notes.learn({ keptStatus: status });
      return result;
    },
    record: async (request, notes, answer) => {
      const kept = keeping(notes.known(), answer.status);
      if (kept === "nothing") return;
      const line = lineOf(request, notes, answer);
      if (kept === "line") return insert(line);
      onRefusal(line.plane);
      const first = countRefusal(refusals, line);
      if (first) await insert(first);
    },
    stop: async () => {
      stopping.abort();
      await counting;
    },
  };
}

async function keepOn(keepCounted: () => Promise<void>, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(periodSeconds * 1000, signal);
    await keepCounted();
  }
}
