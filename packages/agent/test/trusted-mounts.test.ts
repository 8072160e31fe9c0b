import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { trustedMounts } from "../src/containers/trusted-mounts.ts";
import { addToken, startNode, theNode } from "./fake-service.ts";

const isMounted = async (path: string) => (await readFile("/proc/self/mountinfo", "utf8")).includes(` ${path} `);
const run = (runId: string) => ({ runId, user: undefined });

/** A node with a file, and with what an agent has mounted that was killed. */
async function leftNode(top: string, nodeId: string) {
  const [home, root] = [join(top, nodeId), join(top, nodeId, "root")];
  await addToken(top, nodeId);
  await mkdir(join(root, "shared"), { recursive: true });
  const file = join(root, "shared/file");
  await writeFile(file, "kept");
  const former = trustedMounts(home, root);
  return { home, root, file, rootPlace: await former.ofRoot(), place: await former.of(file, run("a-run")) };
}

test.skipIf(process.getuid?.() !== 0)(
  "what a killed agent has mounted for a run that is over is taken away",
  async () => {
    await using node = await startNode();
    const { place, rootPlace, file } = await leftNode(node.top, "tvm-left");
    expect(await isMounted(place)).toBe(true);
    node.host.keep({
      [theNode]: { state: "running", generation: 1 },
      "tvm-left": { state: "running", generation: 1 },
    });
    await node.service.hello(2);
    expect(await isMounted(place)).toBe(false);
    expect(await isMounted(rootPlace)).toBe(true);
    expect(await readFile(file, "utf8")).toBe("kept");
  },
);

test.skipIf(process.getuid?.() !== 0)(
  "what is mounted for a run that goes on stays, and is not written to",
  async () => {
    await using node = await startNode();
    const { home, root, place, file } = await leftNode(node.top, "tvm-left");
    const mounts = trustedMounts(home, root);
    await mounts.keepOnly(["a-run"]);
    expect(await isMounted(place)).toBe(true);
    expect(await mounts.of(file, run("a-run"))).not.toBe(place);
    expect(await readFile(file, "utf8")).toBe("kept");
    await mounts.release("a-run");
    expect(await isMounted(place)).toBe(false);
    await mounts.clear();
  },
);
