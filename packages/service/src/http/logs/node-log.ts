import { BatchError } from "@kyanite/contract";
import type { LogPiece } from "./piece.ts";
import { type FileStart, readRunFile } from "./run-file.ts";
import type { LogContext } from "./task-log.ts";

interface NodeLogRequest {
  readonly nodePk: number;
  readonly path: string;
  readonly start: FileStart;
  /** Whether there is still such a node. */
  readonly isThere: () => Promise<boolean>;
}

type NodeLogContext = Pick<LogContext, "nodeFiles" | "clock" | "signal">;

const againMilliseconds = 500;

/**
 * Follows a file of a node for as long as it is there. It has no run: that is 0 in what comes.
 * @throws BatchError before the first piece, when the file cannot be read
 */
export async function* nodeLog(request: NodeLogRequest, context: NodeLogContext): AsyncGenerator<LogPiece, void> {
  const { nodePk, path, isThere } = request;
  const { clock, signal } = context;
  let { start } = request;
  let hasBegun = false;
  while (!signal.aborted) {
    try {
      const parts = readRunFile({ nodePk, path, isLive: true }, start, { ...context, isRunOver: () => false });
      for (;;) {
        const { done, value } = await parts.next();
        if (done && value !== "broken")
          return void (yield { kind: "end", reason: value === "complete" ? "sent" : value });
        if (done) break;
        hasBegun = true;
        if (value.kind === "beat") yield value;
        else if (value.kind === "opened") yield { kind: "opened", stream: path, offset: value.offset };
        else yield { kind: "data", run: 0, stream: path, offset: value.offset, bytes: value.bytes };
        if (value.kind === "opened") start = { offset: value.offset };
        if (value.kind === "data") start = { offset: value.offset + value.bytes.length };
      }
    } catch (cause) {
      if (!(cause instanceof BatchError) || !hasBegun) throw cause;
      if (cause.code !== "TaskFilesUnavailable")
        return void (yield { kind: "end", reason: cause.code === "FileNotFound" ? "fileDeleted" : "fileUnreadable" });
    }
    if (!(await isThere())) return void (yield { kind: "end", reason: "nodeRemoved" });
    yield { kind: "beat" };
    await clock.sleep(againMilliseconds, signal);
  }
}
