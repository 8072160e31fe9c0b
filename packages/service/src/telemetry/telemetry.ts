import type { Span, SpanFacts } from "../domain/trace/span.ts";

/** A span of something that is under way. */
export interface OpenSpan {
  /** What belongs to it, as a `traceparent`; undefined when the trace is not kept. */
  readonly traceParent: string | undefined;
  end(outcome: { readonly name: string; readonly facts: SpanFacts; readonly failure?: string | undefined }): void;
}

/** Tells a collector of OpenTelemetry what takes place here. There is none unless the operator has named one. */
export interface Telemetry {
  /** @param parent the `traceparent` that the client sent, if it did */
  begin(name: string, parent: string | undefined): OpenSpan;
  /** What is over already. */
  tell(spans: readonly Span[]): void;
  /** Sends what has not been sent yet. */
  stop(): Promise<void>;
}
