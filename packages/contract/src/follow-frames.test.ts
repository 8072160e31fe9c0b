import { expect, test } from "vitest";
import { type FollowFrame, FrameReader, writeFrame } from "./follow-frames.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const frames: readonly FollowFrame[] = [
  { kind: "beat" },
  { kind: "opened", offset: 12_345_678_901 },
  { kind: "data", bytes: bytesOf("hello") },
  { kind: "beat" },
  { kind: "data", bytes: bytesOf(" world") },
  { kind: "ended", how: "runEnded" },
];
const written = Uint8Array.from(frames.flatMap((frame) => [...writeFrame(frame)]));

/** Data that came in pieces, as one. */
function whole(read: readonly FollowFrame[]): readonly unknown[] {
  const text = read.map((frame) => (frame.kind === "data" ? new TextDecoder().decode(frame.bytes) : "")).join("");
  return [...read.filter(({ kind }) => kind !== "data"), text];
}

test.each([1, 2, 3, 5, 7, 1000])("frames are read as they were written when they come %i bytes at a time", (size) => {
  const reader = new FrameReader();
  const read: FollowFrame[] = [];
  for (let at = 0; at < written.length; at += size) read.push(...reader.read(written.subarray(at, at + size)));
  expect(whole(read)).toEqual(whole(frames));
});

test.each([
  ["of no known kind", [9, 0, 0, 0, 0]],
  ["that are too long", [2, 255, 0, 0, 0]],
  ["with an end that nobody knows", [...writeFrame({ kind: "ended", how: "sent" })].map((b) => (b === 115 ? 116 : b))],
])("frames %s are refused", (_, bytes) => {
  expect(() => [...new FrameReader().read(Uint8Array.from(bytes))]).toThrow();
});
