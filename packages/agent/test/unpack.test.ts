import { openSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Directory } from "@kyanite/runtime";
import { type ZipEntry, zip } from "@kyanite/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type UnpackLimits, unpack } from "../src/unpack.ts";

const never = new AbortController().signal;
let place: string;

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), "kyanite-unpack-"));
});
afterEach(() => rm(place, { recursive: true, force: true }));

const target = () => join(place, "a/b/content");

async function unpacked(archive: Buffer, limits?: UnpackLimits): Promise<void> {
  await writeFile(join(place, "package.zip"), archive);
  await mkdir(target(), { recursive: true });
  using directory = Directory.open(target());
  await unpack(() => openSync(join(place, "package.zip"), "r"), directory, never, limits);
}

/** Every file below the place of the test, but the archive. */
async function files(): Promise<string[]> {
  const entries = await readdir(place, { recursive: true, withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return names.map((name) => name.slice(place.length + 1)).filter((name) => name !== "package.zip");
}

const permissions = async (name: string) => (await stat(join(target(), name))).mode & 0o7777;

test("contents and modes are kept, readable by everyone; other bits are not", async () => {
  await unpacked(
    zip([
      { name: "bin/", mode: 0o40700 },
      { name: "bin/tool", content: "tool", mode: 0o100700, isDeflated: true },
      { name: "deep/er/data", content: "data", mode: 0o100640 },
      { name: "setuid", content: "s", mode: 0o104755 },
      { name: "from-windows", content: "w" },
      { name: "empty/", mode: 0o40755 },
    ]),
  );
  expect(await readFile(join(target(), "bin/tool"), "utf8")).toBe("tool");
  expect(await readFile(join(target(), "deep/er/data"), "utf8")).toBe("data");
  const names = ["bin", "bin/tool", "deep/er/data", "setuid", "from-windows", "empty"];
  expect(await Promise.all(names.map(permissions))).toEqual([0o755, 0o744, 0o644, 0o755, 0o755, 0o755]);
});

test.each([false, true])(
  "a content that is not the one that was packed is found out (deflated: %s)",
  async (isDeflated) => {
    const archive = zip([{ name: "data", content: "the data", isDeflated }]);
    archive.writeUInt32LE(0xbad, archive.indexOf("PK\x01\x02") + 16);
    await expect(unpacked(archive)).rejects.toThrow("data is damaged");
  },
);

describe("nothing at all is unpacked of an archive", () => {
  const fine: ZipEntry = { name: "first", content: "x" };
  test.each<[string, ZipEntry, RegExp]>([
    ["with a way up", { name: "../evil", content: "x" }, /relative path|leaves/],
    ["with a way up in its midst", { name: "a/../../../evil", content: "x" }, /relative path|leaves/],
    ["with a way up for Windows", { name: "..\\..\\evil", content: "x" }, /relative path|leaves/],
    ["with an absolute path", { name: "/tmp/kyanite-evil", content: "x" }, /absolute path|leaves/],
    ["with an absolute path for Windows", { name: "C:\\evil", content: "x" }, /absolute path|leaves/],
    ["with a link out", { name: "link", content: "/etc/passwd", mode: 0o120777 }, /link or another special file/],
    ["with a link to its own", { name: "link", content: "first", mode: 0o120777 }, /link or another special file/],
    ["with a device", { name: "null", mode: 0o020666 }, /link or another special file/],
    ["with a pipe", { name: "pipe", mode: 0o010666 }, /link or another special file/],
  ])("%s", async (_, entry, reason) => {
    await expect(unpacked(zip([fine, entry]))).rejects.toThrow(reason);
    expect(await files()).toEqual([]);
  });

  test("of more entries than may be", async () => {
    const many = Array.from({ length: 11 }, (_, index) => ({ name: `f${index}`, content: "x" }));
    await expect(unpacked(zip(many), { mostEntries: 10, mostBytes: 1000 })).rejects.toThrow("too many entries");
    expect(await files()).toEqual([]);
    await unpacked(zip(many.slice(1)), { mostEntries: 10, mostBytes: 10 });
    expect(await files()).toHaveLength(10);
  });

  test("that is small and would become too large", async () => {
    const bomb = zip([fine, { name: "zeros", content: Buffer.alloc(20_000_000), isDeflated: true }]);
    expect(bomb.length).toBeLessThan(50_000);
    await expect(unpacked(bomb, { mostEntries: 10, mostBytes: 1_000_000 })).rejects.toThrow("too large");
    expect(await files()).toEqual([]);
  });

  test("that says it holds more than any package may, in many entries", async () => {
    const claimed = Array.from({ length: 17 }, (_, index) => ({ name: `f${index}`, claimedBytes: 2 ** 32 - 2 }));
    const entries = claimed.map((entry) => ({ ...entry, content: "x", isDeflated: true }));
    await expect(unpacked(zip([fine, ...entries]))).rejects.toThrow(/too large|more room/);
    expect(await files()).toEqual([]);
  });

  test.each([
    ["encrypted", { at: 8, value: 0x801 }, "first is encrypted"],
    ["compressed in another way than zip's own", { at: 10, value: 12 }, "first is compressed in a way"],
  ])("that is %s", async (_, { at, value }, reason) => {
    const archive = zip([{ ...fine, isDeflated: true }]);
    archive.writeUInt16LE(value, archive.indexOf("PK\x01\x02") + at);
    await expect(unpacked(archive)).rejects.toThrow(reason);
    expect(await files()).toEqual([]);
  });

  test("that is cut off, or is none", async () => {
    await expect(unpacked(zip([fine]).subarray(0, -10))).rejects.toThrow();
    await expect(unpacked(Buffer.from("nonsense"))).rejects.toThrow();
    expect(await files()).toEqual([]);
  });
});

test("an entry that is longer than the archive says is cut there, and an error", async () => {
  const liar = { name: "zeros", content: Buffer.alloc(20_000_000), isDeflated: true, claimedBytes: 1000 };
  await expect(unpacked(zip([liar]))).rejects.toThrow(/too many bytes/);
  for (const name of await files()) expect((await stat(join(place, name))).size).toBeLessThanOrEqual(200_000);
});

test("an entry twice is the later one", async () => {
  await unpacked(
    zip([
      { name: "same", content: "first one", mode: 0o100644 },
      { name: "same", content: "later", mode: 0o100755 },
    ]),
  );
  expect(await readFile(join(target(), "same"), "utf8")).toBe("later");
});
