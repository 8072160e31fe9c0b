import { expect, test } from "vitest";
import { eventsOf, type SentEvent } from "./event-stream.ts";

const text =
  ': begin\n\nevent: line\nid: 1.6\ndata: {"line":"grüße: a"}\n\n: beat\n\nevent: end\ndata: {"reason":"sent"}\n\n';

async function* inPieces(size: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

test.each([1, 3, 1000])("events are read when they come %i bytes at a time, and beats are none", async (size) => {
  const found: SentEvent[] = [];
  for await (const event of eventsOf(inPieces(size))) found.push(event);
  expect(found).toEqual([
    { event: "line", id: "1.6", data: { line: "grüße: a" } },
    { event: "end", id: undefined, data: { reason: "sent" } },
  ]);
});
