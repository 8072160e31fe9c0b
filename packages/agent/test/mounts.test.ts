import { mkdir, mkdtemp, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { shell, startNode, type TestNode } from "./fake-service.ts";

let node: TestNode;
let share: string;
beforeAll(async () => {
  node = await startNode();
  share = await mkdtemp(join(tmpdir(), "kyanite-share-"));
  await writeFile(join(share, "data.txt"), "shared\n");
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await rm(share, { recursive: true, force: true });
});

const mounts = () => join(node.root, "fsmounts");
const failureOf = async (...wanted: Parameters<TestNode["service"]["setUp"]>) => {
  const report = await node.service.setUp(...wanted);
  return "failure" in report ? report.failure : undefined;
};

test("a command finds a share below the mounts directory", async () => {
  expect(await failureOf([], [{ path: "data/one", source: "files:/one", directory: share }])).toBeUndefined();
  const exit = await node.service.exit({
    directory: "workitems/j/job-1/t",
    commandLine: shell("cat $AZ_BATCH_NODE_MOUNTS_DIR/data/one/data.txt"),
  });
  expect(exit).toMatchObject({ kind: "exited", exitCode: 0 });
  expect(await readFile(join(node.root, "workitems/j/job-1/t/stdout.txt"), "utf8")).toBe("shared\n");
  expect(await readFile(join(mounts(), "fshare-data-one.log"), "utf8")).toContain(share);
});

test("a share that is no longer wanted is gone, and its content is not", async () => {
  expect(await failureOf([], [{ path: "two", source: "files:/two", directory: share }])).toBeUndefined();
  await expect(readlink(join(mounts(), "data/one"))).rejects.toThrow("ENOENT");
  expect(await readlink(join(mounts(), "two"))).toBe(share);
  expect(await readFile(join(share, "data.txt"), "utf8")).toBe("shared\n");
});

test("a share that the machine does not have fails as the documentation says", async () => {
  expect(await failureOf([], [{ path: "three", source: "files:/three" }])).toMatchObject({
    code: "Mount Configuration Error",
    details: [
      { name: "Message", value: expect.stringContaining("mountSources") },
      { name: "MountConfigurationPath", value: "three" },
    ],
  });
  const directory = join(share, "nothing");
  expect(await failureOf([], [{ path: "three", source: "files:/three", directory }])).toMatchObject({
    code: "Mount Configuration Error",
  });
});

test("what a command has put into the mounts directory leads the agent nowhere", async () => {
  const victim = join(share, "victim");
  await mkdir(victim);
  await symlink(victim, join(mounts(), "away"));
  await symlink(join(victim, "log"), join(mounts(), "fshare-away-x.log"));
  await failureOf([], [{ path: "away/x", source: "files:/x", directory: share }]);
  await expect(readlink(join(victim, "x"))).rejects.toThrow("ENOENT");
  await expect(readFile(join(victim, "log"))).rejects.toThrow("ENOENT");
  for (const path of ["../x", "/x", "."])
    expect(await failureOf([], [{ path, source: "s", directory: share }])).toMatchObject({
      code: "Mount Configuration Error",
    });
});
