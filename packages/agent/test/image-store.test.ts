import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog } from "@kyanite/runtime";
import { hasRuntime, startRuntime, testImage } from "@kyanite/testkit/container-runtimes";
import { expect, test } from "vitest";
import { openImageStore } from "../src/containers/image-store.ts";
import { runtimeFinder } from "../src/containers/runtime.ts";

test.skipIf(!hasRuntime("docker"))(
  "of the images that were pulled here the longest unused go, but none that a pool refers to, or that was here before",
  async () => {
    await using runtime = await startRuntime("docker");
    const directory = await mkdtemp(join(tmpdir(), "kyanite-images-"));
    const { find } = runtimeFinder({ setting: runtime.socket });
    const file = join(directory, "images.jsonl");
    const log = createLog("error");
    const open = (mostBytes: number) => openImageStore({ file, runtime: find, mostBytes, log });
    const there = () => runtime.run("images", "--format", "{{.Repository}}:{{.Tag}}").split("\n").sort();
    const names = ["a:1", "b:1", "c:1", "d:1"];
    for (const name of names) runtime.run("tag", testImage, name);
    const former = await open(0);
    for (const name of ["a:1", "b:1", "c:1"]) await former.add(name);
    former.use("a:1");
    former.refer("node", ["b:1"]);
    former.close();
    expect(there()).toEqual([...names, testImage].sort());
    // Another agent knows what this one has pulled. There is room for none; the last that came stays.
    const store = await open(1);
    store.refer("node", ["b:1"]);
    await store.add("d:1");
    expect(there()).toEqual(["b:1", "d:1", testImage].sort());
    store.close();
    await rm(directory, { recursive: true });
  },
  120_000,
);
