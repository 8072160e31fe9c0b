import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog, systemClock } from "@kyanite/runtime";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openKeptFiles, type SendKept } from "./queue.ts";

const [first, second] = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"] as const;
/** Waits take no time. */
const clock = { ...systemClock, sleep: (_: number, signal?: AbortSignal) => systemClock.sleep(1, signal) };
let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "kyanite-kept-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const open = (unreported: readonly string[] = []) =>
  openKeptFiles({ directory, unreported, clock, log: createLog("silent") });

/** Sends until nothing is left that may be sent, with these outcomes and then others as `taken`; answers what was sent. */
async function sendAll(files: ReturnType<typeof open>, outcomes: Awaited<ReturnType<SendKept>>[] = []) {
  const sent: string[] = [];
  const stop = new AbortController();
  const running = files.run(async ({ runId, number }, content) => {
    sent.push(`${runId.slice(0, 1)}.${number} ${content}`);
    return outcomes.shift() ?? "taken";
  }, stop.signal);
  await files.sent();
  stop.abort();
  await running;
  return sent;
}

test("a file is sent when its run's report is recorded, and not before", async () => {
  const files = open();
  expect(files.put({ runId: first, number: 0 }, Buffer.from("one"))).toBe(true);
  expect(files.put({ runId: second, number: 0 }, Buffer.from("two"))).toBe(true);
  expect(files.put({ runId: second, number: 1 }, Buffer.from("three"))).toBe(true);
  files.release(second);
  expect(await sendAll(files)).toEqual(["2.0 two", "2.1 three"]);
  files.release(first);
  expect(await sendAll(files)).toEqual(["1.0 one"]);
  expect(readdirSync(directory)).toEqual([]);
});

test("files outlive their agent; those whose reports are not recorded wait for that", async () => {
  const former = open();
  for (const runId of [first, second]) former.put({ runId, number: 0 }, Buffer.from("text"));
  const files = open([first]);
  expect(await sendAll(files)).toEqual(["2.0 text"]);
  files.release(first);
  expect(await sendAll(files)).toEqual(["1.0 text"]);
});

test("while the service is away the same is tried again; what it refuses is forgotten", async () => {
  const files = open();
  for (const number of [0, 1]) files.put({ runId: first, number }, Buffer.from("text"));
  files.release(first);
  expect(await sendAll(files, ["away", "away", "refused"])).toEqual(["1.0 text", "1.0 text", "1.0 text", "1.1 text"]);
  expect(readdirSync(directory)).toEqual([]);
});

test("a run that is told again has its files once, and there are no more than the disk should hold", async () => {
  const files = open();
  files.put({ runId: first, number: 0 }, Buffer.from("before"));
  files.put({ runId: first, number: 0 }, Buffer.from("after"));
  expect(files.put({ runId: second, number: 0 }, Buffer.alloc(64 * 1024 * 1024))).toBe(false);
  files.release(first);
  expect(await sendAll(files)).toEqual(["1.0 after"]);
});
