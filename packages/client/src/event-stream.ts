import { messagesIn } from "./server-sent-events.ts";

/** An event that the service has sent. */
export interface SentEvent<Data = unknown> {
  /** Of which kind it is, such as `line` or `end`. */
  readonly event: string;
  /** To be given as `Last-Event-ID` to go on after it; undefined where the stream has no positions. */
  readonly id: string | undefined;
  readonly data: Data;
}

/**
 * Reads the events of a stream, as in `for await (const { data } of eventsOf((await client.file("Task_GetLogs", …)).body))`.
 * Whoever leaves the loop ends the stream.
 */
export async function* eventsOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<SentEvent, void> {
  for await (const { event, id, data } of messagesIn(body))
    if (data !== "") yield { event, id, data: JSON.parse(data) };
}
