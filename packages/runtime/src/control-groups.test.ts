import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { describeControlGroups, findControlGroups, makeRoomForControlGroups } from "./control-groups.ts";

let tree: string;
beforeEach(async () => {
  tree = await mkdtemp(join(tmpdir(), "kyanite-groups-"));
});
afterEach(() => rm(tree, { recursive: true }));

/** A group as the system shows it; plain files do for finding out what can be made where. */
async function group(path: string, controllers: string, { processes = "", passedOn = controllers } = {}) {
  await mkdir(join(tree, path), { recursive: true });
  await writeFile(join(tree, path, "cgroup.controllers"), controllers);
  await writeFile(join(tree, path, "cgroup.subtree_control"), passedOn);
  await writeFile(join(tree, path, "cgroup.procs"), processes);
}
const unified = (own: string) => ({ mounts: `cgroup2 ${tree} cgroup2 rw 0 0\n`, own: `0::${own}\n` });

test("of version 2, groups are made beside our own when that one passes no controllers on", async () => {
  await group("service", "cpu memory pids");
  await group("service/kyanite-server", "cpu memory pids", { passedOn: "" });
  await rm(join(tree, "service/kyanite-server/cgroup.subtree_control"));
  const place = { version: 2, directory: join(tree, "service") };
  expect(findControlGroups(unified("/service/kyanite-server"))).toEqual({
    members: place,
    pids: place,
    memory: place,
    cpu: place,
  });
});

test("of version 1, each controller has its own tree, and version 2 beside it tells who belongs together", async () => {
  for (const name of ["unified", "pids", "cpu,cpuacct/inner"]) await mkdir(join(tree, name), { recursive: true });
  const mounts = ["pids", "memory", "cpu,cpuacct"].map((name) => `cgroup ${tree}/${name} cgroup rw,${name} 0 0`);
  const described = {
    mounts: [...mounts, `cgroup2 ${tree}/unified cgroup2 rw 0 0`].join("\n"),
    own: "3:memory:/\n2:cpu,cpuacct:/inner\n1:pids:/elsewhere\n0::/\n",
  };
  expect(findControlGroups(described)).toEqual({
    members: { version: 2, directory: `${join(tree, "unified")}/` },
    pids: { version: 1, directory: join(tree, "pids") },
    cpu: { version: 1, directory: join(tree, "cpu,cpuacct/inner") },
  });
});

test("where there are no control groups none are found, and what that means is said", () => {
  const places = findControlGroups({ mounts: "", own: "" });
  expect(places).toEqual({});
  expect(describeControlGroups(places)).toEqual({
    isComplete: false,
    text: "control groups cannot be written: tasks have no limit of processes, memory, cores",
  });
});

test("a server that is alone in its group leaves that to groups with limits, and one in company stays", async () => {
  await group("service", "cpu memory pids", { processes: `${process.pid}\n` });
  makeRoomForControlGroups(unified("/service"));
  expect(await readFile(join(tree, "service/kyanite-server/cgroup.procs"), "utf8")).toBe(String(process.pid));
  await group("session", "cpu memory pids", { processes: `1\n${process.pid}\n` });
  makeRoomForControlGroups(unified("/session"));
  expect(existsSync(join(tree, "session/kyanite-server"))).toBe(false);
});
