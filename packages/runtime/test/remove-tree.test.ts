import { execFileSync, spawn } from "node:child_process";
import { chownSync, closeSync, existsSync, mkdirSync, openSync, readdirSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Directory, removeTree, systemClock, waitUntil } from "../src/index.ts";

let place: string;
let parent: Directory;
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), "kyanite-remove-"));
  parent = Directory.open(place);
});
afterEach(async () => {
  parent.close();
  await rm(place, { recursive: true, force: true });
});

/** Directories in each other, deeper than any path can name. */
function makeDeep(name: string, levels: number): void {
  let directory = parent.again();
  for (let level = 0; level < levels; level += 1) {
    using above = directory;
    mkdirSync(above.at(name));
    closeSync(openSync(above.at("file"), "w"));
    directory = above.enter(name);
  }
  directory.close();
}

test.each([
  ["60 levels of long names", "d".repeat(250), 60],
  ["1,000 levels", "d", 1_000],
])("%s are removed with few descriptors", async (_, name, levels) => {
  makeDeep(name, levels);
  const before = readdirSync("/proc/self/fd").length;
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, readdirSync("/proc/self/fd").length);
  }, 1);
  await removeTree(parent, name);
  clearInterval(watch);
  expect(await readdir(place)).toEqual(["file"]);
  expect(most).toBeLessThan(before + 40);
});

test("what a link leads to stays, and names that are no text go", async () => {
  await mkdir(join(place, "outside/inner"), { recursive: true });
  await writeFile(join(place, "outside/inner/file"), "precious");
  await mkdir(join(place, "tree/full"), { recursive: true });
  await symlink(join(place, "outside"), join(place, "tree/full/link"));
  await symlink("../../outside/inner/file", join(place, "tree/full/file"));
  await writeFile(Buffer.concat([Buffer.from(join(place, "tree/")), Buffer.from([0xff, 0xfe])]), "");
  await removeTree(parent, "tree");
  expect(await readdir(place)).toEqual(["outside"]);
  expect(await readFile(join(place, "outside/inner/file"), "utf8")).toBe("precious");
  await symlink(join(place, "outside"), join(place, "tree"));
  await removeTree(parent, "tree");
  await removeTree(parent, "nothing");
  expect(await readFile(join(place, "outside/inner/file"), "utf8")).toBe("precious");
});

test("directories that their owner has closed are removed by it", async () => {
  await mkdir(join(place, "tree/closed/inner/full"), { recursive: true });
  for (const path of ["tree/closed/inner", "tree/closed"]) await chmod(join(place, path), 0);
  const script = `const { Directory, removeTree } = await import(${JSON.stringify(new URL("../dist/index.js", import.meta.url).href)});
    if (process.getuid() === 0) {
      const { execFileSync } = await import("node:child_process");
      execFileSync("chown", ["-R", "12345", ${JSON.stringify(place)}]);
      process.setuid(12345);
    }
    await removeTree(Directory.open(${JSON.stringify(place)}), "tree");`;
  execFileSync(process.execPath, ["--input-type=module", "-e", script]);
  expect(await readdir(place)).toEqual([]);
});

test.skipIf(process.getuid?.() !== 0)("a tree is removed although its owner goes on filling it", async () => {
  await mkdir(join(place, "tree"));
  chownSync(join(place, "tree"), 65534, 65534);
  const script = 'n=0; while [ $n -lt 100000 ]; do n=$((n+1)); mkdir -p "$n/inner" 2>/dev/null; : > "$n/file"; done';
  const filler = spawn("/bin/sh", ["-c", script], {
    cwd: join(place, "tree"),
    uid: 65534,
    gid: 65534,
    stdio: "ignore",
  });
  const isFilled = () => existsSync(join(place, "tree/20"));
  await waitUntil(isFilled, { clock: systemClock, timeoutMilliseconds: 20_000 });
  await removeTree(parent, "tree");
  filler.kill("SIGKILL");
  expect(await readdir(place)).toEqual([]);
});
