/** One message of a stream of server-sent events. */
export interface Message {
  /** How far the stream has been read; a message may say so and nothing else. */
  readonly id: string | undefined;
  readonly event: string;
  readonly data: string;
}

/** The messages of a stream, as soon as each is complete; the beginning of one at its end is dropped. */
export async function* messagesIn(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Message> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) yield messageOf(block);
  }
}

function messageOf(block: string): Message {
  const fields = new Map<string, string>();
  for (const line of block.split("\n")) {
    const [, name = "", value = ""] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
    // Data of several lines are one text.
    const before = name === "data" ? fields.get(name) : undefined;
    fields.set(name, before === undefined ? value : `${before}\n${value}`);
  }
  return { id: fields.get("id"), event: fields.get("event") ?? "message", data: fields.get("data") ?? "" };
}
