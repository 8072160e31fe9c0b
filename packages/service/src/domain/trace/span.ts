/** Facts of a span; none of them may be a secret, or a text that may hold one, such as a command line or a URL. */
export type SpanFacts = Readonly<Record<string, string | number | boolean>>;

/** Something that took place, for a trace. */
export interface Span {
  readonly name: string;
  /** What it belongs to, as a `traceparent`. */
  readonly parent: string;
  /** One is made when absent. */
  readonly spanId?: string;
  readonly start: Date;
  readonly end: Date;
  readonly facts: SpanFacts;
  /** Why it failed, in a word. */
  readonly failure?: string;
}
