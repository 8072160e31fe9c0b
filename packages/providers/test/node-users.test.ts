import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { nodeUsers, userWithin } from "../src/node-users.ts";

const range = { first: 1_000_000, last: 1_000_767 };
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kyanite-users-"));
});
afterEach(() => rm(directory, { recursive: true }));

const server = () => nodeUsers({ directory: join(directory, "users"), range });
async function home(name: string): Promise<string> {
  const path = join(directory, name);
  await mkdir(path, { recursive: true });
  return path;
}

test("nodes of several servers have no id in common, and keep theirs over restarts", async () => {
  const homes = await Promise.all(["a", "b", "c"].map(home));
  const ranges = await Promise.all(homes.map((each) => server().claim(each)));
  expect(new Set(ranges.map(({ first }) => first)).size).toBe(3);
  for (const { first, last } of ranges)
    expect([first >= range.first, last <= range.last, last - first]).toEqual([true, true, 255]);
  expect(await Promise.all(homes.map((each) => server().claim(each)))).toEqual(ranges);
});

test("nobody else reads who has which ids, so that a node hides one directory and not a file for each other node", async () => {
  await server().claim(await home("a"));
  expect((await stat(join(directory, "users"))).mode & 0o777).toBe(0o700);
});

test("ids are free again when a node releases them or its directory is gone, and are refused when all are taken", async () => {
  const users = server();
  const [a, b, c, d] = await Promise.all(["a", "b", "c", "d"].map(home));
  for (const each of [a, b, c]) await users.claim(each ?? "");
  await expect(users.claim(d ?? "")).rejects.toThrow("--node-users");
  await users.release(b ?? "");
  expect(await users.claim(d ?? "")).toEqual({ first: 1_000_256, last: 1_000_511 });
  await rm(c ?? "", { recursive: true });
  expect(await users.claim(await home("e"))).toEqual({ first: 1_000_512, last: 1_000_767 });
});

test.each([
  [{ passwd: "ann:x:1000500:5:" }, "ann"],
  [{ group: "staff:x:1000767:" }, "staff"],
  [{ subuid: "bob:999000:65536" }, "bob"],
  [{ passwd: "root:x:0:0:", group: "root:x:0:", subuid: "ann:100000:65536\n" }, undefined],
])("of a machine with %j the range belongs to %s", (files, owner) => {
  expect(userWithin(range, { passwd: "", group: "", subuid: "", ...files })).toBe(owner);
});
