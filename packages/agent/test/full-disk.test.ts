import { execFileSync } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasErrorCode } from "@kyanite/runtime";
import { describe, expect, test } from "vitest";
import { openJournal } from "../src/journal.ts";
import { aRun, startNode } from "./fake-service.ts";

const canMount = process.getuid?.() === 0 && process.platform === "linux";
if (!canMount) console.warn("a full disk is not tested: that takes root, to mount a small one");

const startTime = new Date().toISOString();

/** A disk of four megabytes. */
async function smallDisk() {
  const path = await mkdtemp(join(tmpdir(), "kyanite-disk-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m,mode=755", "tmpfs", path]);
  return {
    path,
    async [Symbol.asyncDispose]() {
      execFileSync("umount", ["-l", path]);
      await rm(path, { recursive: true });
    },
  };
}

/** Leaves not a byte. */
function fill(file: string): void {
  const descriptor = openSync(file, "w");
  try {
    for (const size of [65_536, 4_096, 1]) writeUntilFull(descriptor, Buffer.alloc(size));
  } finally {
    closeSync(descriptor);
  }
}

function writeUntilFull(descriptor: number, bytes: Buffer): void {
  try {
    for (;;) writeSync(descriptor, bytes);
  } catch (error) {
    if (!hasErrorCode(error, "ENOSPC")) throw error;
  }
}

describe.skipIf(!canMount)("on a disk that is full to the last byte", () => {
  test("every run comes to an end, what has finished is kept, and the node says when there is room again", async () => {
    await using disk = await smallDisk();
    await using node = await startNode({ within: disk.path, reservedDiskBytes: 100_000 });
    const { service } = node;
    service.settings.acknowledges = false;
    const began = aRun({ commandLine: "sleep 600" });
    service.order({ type: "run", order: began });
    await service.started(began.runId);
    fill(join(disk.path, "others"));
    await service.until(() => service.reports.find(({ type }) => type === "nodeError"), "full disk");
    expect((await service.finished(began.runId)).exit).toMatchObject({
      kind: "failed",
      failure: { category: "ServerError", code: "DiskFull" },
    });
    const orders = Array.from({ length: 40 }, () => aRun({ commandLine: "echo", retentionSeconds: 3600 }));
    for (const order of orders) service.order({ type: "run", order });
    for (const { runId } of orders)
      expect((await service.finished(runId)).exit).toMatchObject({ kind: "failed", failure: { code: "DiskFull" } });
    await rm(join(disk.path, "others"));
    expect(await service.until(() => service.reports.findLast(({ type }) => type === "nodeRecovered"), "room")).toEqual(
      {
        type: "nodeRecovered",
        code: "DiskFull",
      },
    );
    expect(await service.exit({})).toMatchObject({ kind: "exited", exitCode: 0 });
    const { contents, close } = await openJournal(join(node.directory, "runs.jsonl"));
    close();
    expect(contents.finished).toHaveLength(42);
    expect(contents.interrupted).toEqual([]);
  });

  test("the ledger of runs takes thousands of changes more", async () => {
    await using disk = await smallDisk();
    const file = join(disk.path, "runs.jsonl");
    const journal = await openJournal(file);
    fill(join(disk.path, "others"));
    const orders = Array.from({ length: 300 }, () => aRun());
    const runIds = orders.map(({ runId }) => runId);
    for (const order of orders) journal.keepProgress({ order, startTime }, {});
    for (const runId of runIds.slice(0, 200)) journal.forget(runId);
    journal.close();
    const { contents, close } = await openJournal(file);
    close();
    expect(contents.interrupted.map(({ order }) => order.runId)).toEqual(runIds.slice(200));
  });

  test("what the ledger could not take is there once there is room", async () => {
    await using disk = await smallDisk();
    const file = join(disk.path, "runs.jsonl");
    const journal = await openJournal(file);
    fill(join(disk.path, "others"));
    const orders = Array.from({ length: 1_400 }, () => aRun());
    const refused = orders.filter((order) => {
      try {
        journal.keepProgress({ order, startTime }, {});
        return false;
      } catch (error) {
        return hasErrorCode(error, "ENOSPC");
      }
    });
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(700);
    await rm(join(disk.path, "others"));
    const last = aRun();
    journal.keepProgress({ order: last, startTime }, {});
    journal.close();
    const { contents, close } = await openJournal(file);
    close();
    expect(contents.interrupted.map(({ order }) => order.runId)).toEqual([...orders, last].map(({ runId }) => runId));
  });
});
