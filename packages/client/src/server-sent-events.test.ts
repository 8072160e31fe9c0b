import { expect, test } from "vitest";
import { messagesIn } from "./server-sent-events.ts";

const stream =
  'retry: 2000\nid: 1\n\nid: 2-0\nevent: task.completed\ndata: {"a":"ü"}\n\n:\nid: 3\n\ndata: a\ndata: b\n\ndata: cut';

async function read(size: number) {
  const bytes = new TextEncoder().encode(stream);
  async function* chunks() {
    for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
  }
  const messages = [];
  for await (const message of messagesIn(chunks())) messages.push(message);
  return messages;
}

test("messages are read whichever way the stream is cut into pieces", async () => {
  for (const size of [1, 2, 7, 1_000])
    expect(await read(size)).toEqual([
      { id: "1", event: "message", data: "" },
      { id: "2-0", event: "task.completed", data: '{"a":"ü"}' },
      { id: "3", event: "message", data: "" },
      { id: undefined, event: "message", data: "a\nb" },
    ]);
});
