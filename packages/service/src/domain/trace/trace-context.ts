/** The place of a span in its trace, as W3C's header `traceparent` and the variable `TRACEPARENT` write it. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly isSampled: boolean;
}

/** Undefined for what is no such text; who sends one wrong has no trace. */
export function parseTraceParent(text: string | null | undefined): TraceContext | undefined {
  const match = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/.exec(
    text ?? "",
  );
  if (!match) return undefined;
  const [, traceId = "", spanId = "", flags = ""] = match;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export function writeTraceParent({ traceId, spanId, isSampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`;
}

/**
 * The span of a run. Its task knows it as soon as it begins, and any server may tell of it when it has ended: so it
 * follows from the run's id, which is a random UUID.
 */
export function spanIdOfRun(runId: string): string {
  return runId.replaceAll("-", "").toLowerCase().slice(-16);
}

/** What a run's own work belongs to, if its task belongs to a trace. */
export function traceParentOfRun(taskTraceParent: string | null | undefined, runId: string): string | undefined {
  const task = parseTraceParent(taskTraceParent);
  return task && writeTraceParent({ ...task, spanId: spanIdOfRun(runId) });
}
