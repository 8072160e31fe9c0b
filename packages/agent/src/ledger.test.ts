import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openLedger, parseLedger, readLedger } from "./ledger.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kyanite-ledger-"));
});
afterEach(() => rm(directory, { recursive: true }));

test("what was appended is read back in order, and a line that was cut off is passed over", async () => {
  const file = join(directory, "ledger");
  const ledger = openLedger({ file, current: () => [{ a: 1 }] });
  ledger.append({ b: 2 });
  ledger.close();
  expect(await readLedger(file)).toEqual([{ a: 1 }, { b: 2 }]);
  expect(parseLedger('{"a":1}\n{"b":')).toEqual([{ a: 1 }]);
});

test("a ledger that has grown is shortened to what still counts, and goes on", async () => {
  const file = join(directory, "ledger");
  let live: readonly unknown[] = [];
  const ledger = openLedger({ file, current: () => live });
  live = ["only this"];
  for (let n = 0; n < 200_000; n++) ledger.append(n);
  ledger.append("last");
  ledger.close();
  const text = await readFile(file, "utf8");
  expect(text.length).toBeLessThan(600_000);
  expect(text.trim().split("\n")[0]).toBe('"only this"');
  expect((await readLedger(file)).at(-1)).toBe("last");
});

test("a missing ledger is an empty one", async () => {
  expect(await readLedger(join(directory, "none"))).toEqual([]);
});
