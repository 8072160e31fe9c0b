import { systemClock } from "@kyanite/runtime";
import { expect, test } from "vitest";
import { OpenStreams } from "./open-streams.ts";

/** A clock whose waits end when they are told to. */
function woken() {
  let wake = () => {};
  const sleep = () => new Promise<void>((resolve) => (wake = resolve));
  return { clock: { ...systemClock, sleep }, wake: () => wake() };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

function caller(answer: () => Promise<boolean> = async () => true) {
  const controller = new AbortController();
  return { signal: controller.signal, isPermitted: answer, leave: () => controller.abort() };
}

test("a stream ends when its caller may not read any more, and not while that cannot be told", async () => {
  const { clock, wake } = woken();
  const streams = new OpenStreams(clock);
  const answers = { gone: async () => true };
  const gone = streams.open(caller(() => answers.gone()));
  const unknown = streams.open(caller(() => Promise.reject(new Error("the database is away"))));
  wake();
  await settled();
  expect(gone.end).toBeUndefined();
  answers.gone = async () => false;
  wake();
  await settled();
  expect([gone.end, gone.signal.aborted]).toEqual(["notPermitted", true]);
  expect([unknown.end, unknown.signal.aborted]).toEqual([undefined, false]);
});

test("a server that stops ends its streams and opens no other", () => {
  const streams = new OpenStreams(woken().clock);
  const stream = streams.open(caller());
  streams.stop();
  expect([stream.end, stream.signal.aborted]).toEqual(["serverStopping", true]);
  expect(() => streams.open(caller())).toThrow(expect.objectContaining({ code: "ServerBusy" }));
});

test("who has gone is told nothing, and whoever closes makes room for another", () => {
  const streams = new OpenStreams(woken().clock, 1);
  const first = caller();
  const stream = streams.open(first);
  expect(() => streams.open(caller())).toThrow(expect.objectContaining({ code: "ServerBusy" }));
  first.leave();
  expect([stream.end, stream.signal.aborted]).toEqual([undefined, true]);
  stream.close();
  expect(streams.open(caller()).signal.aborted).toBe(false);
});
