import { mkdir, mkdtemp, rename, rm, rmdir, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RecentDirectory } from "../src/task-files/recent-directory.ts";

let root: string;
let directories: RecentDirectory;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "kyanite-recent-"));
  directories = new RecentDirectory(root);
});
afterEach(async () => {
  directories.close();
  await rm(root, { recursive: true });
});

const names = ["workitems", "job", "job-1"];
const hasMark = () => {
  using directory = directories.enter(names);
  return directory.lstat("mark") !== undefined;
};

test("a directory is made, and found again", async () => {
  expect(hasMark()).toBe(false);
  await writeFile(join(root, ...names, "mark"), "");
  expect(hasMark()).toBe(true);
  using _other = directories.enter(["workitems", "other"]);
  expect(hasMark()).toBe(true);
});

test("what is opened stays open when another is asked for", () => {
  using directory = directories.enter(names);
  using _other = directories.enter(["workitems", "other"]);
  expect(directory.lstat("mark")).toBeUndefined();
});

test("a directory that was removed or moved is not taken for the one at its place", async () => {
  hasMark();
  await rmdir(join(root, ...names));
  expect(hasMark()).toBe(false);
  await writeFile(join(root, ...names, "mark"), "");
  await rename(join(root, "workitems", "job"), join(root, "moved"));
  expect(hasMark()).toBe(false);
});

test("a link that takes the place of a directory on the way is not followed", async () => {
  hasMark();
  await rm(join(root, "workitems"), { recursive: true });
  await mkdir(join(root, "elsewhere", "job", "job-1"), { recursive: true });
  await symlink(join(root, "elsewhere"), join(root, "workitems"));
  expect(hasMark).toThrow(/ELOOP|ENOTDIR/);
});
