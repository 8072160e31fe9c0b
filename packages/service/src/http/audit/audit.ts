import type { Clock, Log } from "@kyanite/runtime";
import { type AskedThing, type AuditLine, auditLine, keeping } from "../../domain/audit/line.ts";
import { countRefusal, type Refusals, takeRefusals } from "../../domain/audit/refusals.ts";
import type { HttpAnswer } from "../answers.ts";
import type { HttpRequest } from "../serve.ts";
import { inGroups } from "./in-groups.ts";

/** Keeps who did what. */
export interface Audit {
  /**
   * Resolves when all that is to be kept of a request is durable: only then it may be answered.
   * @throws what the database does
   */
  record(request: HttpRequest, asked: AskedThing, answer: HttpAnswer): Promise<void>;
  /** Keeps what has only been counted yet. */
  stop(): Promise<void>;
}

export interface AuditParts {
  readonly insert: (lines: readonly AuditLine[], now: Date) => Promise<void>;
  /** Told of each stranger that is refused. */
  readonly onRefusal: (plane: AuditLine["plane"]) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** The lines of one statement. */
const mostAtOnce = 500;
/** Refusals of strangers are counted for so long. */
const periodSeconds = 60;

export function startAudit({ insert, onRefusal, clock, log }: AuditParts): Audit {
  const keep = inGroups<AuditLine>((lines) => insert(lines, clock.now()), { most: mostAtOnce });
  const refusals: Refusals = new Map();
  const keepCounted = async () => {
    const lines = takeRefusals(refusals);
    await Promise.all(lines.map(keep)).catch((cause: unknown) => log.warn("refusals not kept", { cause }));
  };
  const stopping = new AbortController();
  const counting = keepOn(keepCounted, clock, stopping.signal);
  return {
    record: async (request, asked, answer) => {
      const kept = keeping(asked, answer.status);
      if (kept === "nothing") return;
      const line = auditLine(asked, {
        time: clock.now(),
        requestId: request.requestId,
        address: request.remoteAddress,
        userAgent: request.headers["user-agent"]?.toString(),
        status: answer.status,
        errorCode: answer.errorCode,
      });
      if (kept === "line") return keep(line);
      onRefusal(line.plane);
      const first = countRefusal(refusals, line);
      if (first) await keep(first);
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
