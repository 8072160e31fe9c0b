import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Journal, readJournal } from "../src/blob-server/journal.ts";
import type { Change } from "../src/blob-server/journal-lines.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "kyanite-journal-"));
});
afterAll(() => rm(directory, { recursive: true }));

const fail = (cause: unknown) => {
  throw cause;
};

type Contents = ReadonlyMap<number, object | null>;

/** A journal of the collection `blobs`, beside what should be in it. */
async function openAt(file: string, sizeBytes: number, contents = new Map<number, object | null>()) {
  const all = () => [...contents].map(([id, document]) => ({ collection: "blobs", id, document }));
  const journal = await Journal.open({ file, sizeBytes, contents: all, onFailure: fail });
  const set = (id: number, document: object | null) => {
    if (document === null) contents.delete(id);
    else contents.set(id, document);
    journal.add({ collection: "blobs", id, document });
  };
  return { journal, contents, set };
}

async function contentsOf(file: string): Promise<{ contents: Contents; sizeBytes: number }> {
  const contents = new Map<number, object | null>();
  const apply = ({ id, document }: Change) =>
    document === null ? contents.delete(id) : contents.set(id, document) && true;
  return { sizeBytes: await readJournal(file, apply), contents };
}

const aDocument = fc.record({ name: fc.string({ unit: "binary" }), size: fc.nat() });
const aChange = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.option(aDocument));

test("wherever the last write was cut off, all that was settled before is there and the journal goes on", async () => {
  const file = join(directory, "cut");
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(aChange, { minLength: 1 }), { minLength: 1 }), fc.nat(), async (writes, cut) => {
      const { journal, contents, set } = await openAt(file, 0);
      const states = [{ sizeBytes: (await stat(file)).size, contents: new Map(contents) }];
      for (const changes of writes) {
        for (const [id, document] of changes) set(id, document);
        await journal.settled();
        states.push({ sizeBytes: (await stat(file)).size, contents: new Map(contents) });
      }
      await journal.close();
      const bytes = await readFile(file);
      const kept = cut % (bytes.length + 1);
      await writeFile(file, bytes.subarray(0, kept));
      const settled = states.findLast(({ sizeBytes }) => sizeBytes <= kept);
      const found = await contentsOf(file);
      expect(found).toEqual(settled);
      const again = await openAt(file, found.sizeBytes, new Map(found.contents));
      again.set(9, { name: "later" });
      await again.journal.close();
      expect((await contentsOf(file)).contents).toEqual(again.contents);
    }),
    { numRuns: 50 },
  );
});

test("damage before the last line is told, since somebody relied on what stood there", async () => {
  const file = join(directory, "damaged");
  const { journal, set } = await openAt(file, 0);
  for (const id of [1, 2]) {
    set(id, { id });
    await journal.settled();
  }
  await journal.close();
  const bytes = await readFile(file);
  bytes[12] = 0;
  await writeFile(file, bytes);
  await expect(contentsOf(file)).rejects.toThrow(`${file} is damaged at byte 0`);
});

test("changes that come while the disk is busy share the next write", async () => {
  const file = join(directory, "grouped");
  const { journal, set } = await openAt(file, 0);
  const settled = Array.from({ length: 1_000 }, (_, id) => {
    set(id + 1, { id });
    return journal.settled();
  });
  await Promise.all(settled);
  await journal.close();
  expect((await readFile(file, "utf8")).split("\n").length).toBeLessThan(4);
  expect((await contentsOf(file)).contents.size).toBe(1_000);
});

test("a journal that has grown is made anew while it is written, and nothing is missing", async () => {
  const file = join(directory, "grown");
  const { journal, contents, set } = await openAt(file, 0);
  const filling = "x".repeat(20_000);
  for (let write = 0; write < 3_000; write += 1) {
    set(1 + (write % 300), write % 7 === 0 ? null : { write, filling });
    await journal.settled();
  }
  await journal.close();
  expect((await stat(file)).size).toBeLessThan(40_000_000);
  expect((await contentsOf(file)).contents).toEqual(contents);
});
