/** An event that the service has sent. */
export interface SentEvent {
  /** Of which kind it is, such as `line` or `end`. */
  readonly event: string;
  /** To be given as `Last-Event-ID` to go on after it; undefined where the stream has no positions. */
  readonly id: string | undefined;
  readonly data: unknown;
}

/**
 * Reads the events of a stream, as in `for await (const { data } of eventsOf((await client.file("Task_GetLogs", …)).body))`.
 * Whoever leaves the loop ends the stream.
 */
export async function* eventsOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<SentEvent, void> {
  const decoder = new TextDecoder();
  let held = "";
  for await (const chunk of body) {
    const blocks = (held + decoder.decode(chunk, { stream: true })).split("\n\n");
    held = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = eventOf(block);
      if (event) yield event;
    }
  }
}

/** Undefined for a beat, which is a comment. */
function eventOf(block: string): SentEvent | undefined {
  const fields = new Map(block.split("\n").flatMap((line) => fieldOf(line)));
  const data = fields.get("data");
  if (data === undefined) return undefined;
  return { event: fields.get("event") ?? "message", id: fields.get("id"), data: JSON.parse(data) };
}

function fieldOf(line: string): readonly (readonly [string, string])[] {
  const match = /^(\w+): ?(.*)$/.exec(line);
  return match ? [[match[1] ?? "", match[2] ?? ""]] : [];
}
