import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { streamed } from "./streamed.ts";
import { aborted } from "./wait.ts";

test("what a generator yields is read as a stream", async () => {
  const stream = streamed(async function* () {
    yield "a";
    yield Buffer.from("b");
  });
  expect(await text(stream)).toBe("ab");
});

test("a generator that waits is told when the stream is destroyed, and ends", async () => {
  let hasEnded = () => {};
  const ended = new Promise<void>((resolve) => {
    hasEnded = resolve;
  });
  const stream = streamed(async function* (stopped) {
    try {
      yield "a";
      await aborted(stopped);
    } finally {
      hasEnded();
    }
  });
  await once(stream, "readable");
  stream.destroy();
  await ended;
});

test("a generator that fails makes its stream fail", async () => {
  const stream = streamed(async function* () {
    yield "a";
    throw new Error("broken");
  });
  await expect(text(stream)).rejects.toThrow("broken");
});
