import { readFile, statfs } from "node:fs/promises";
import type { NodeSample } from "@kyanite/contract";

/** The machine's counters at one moment; a sample is the difference of two. */
export interface Counters {
  readonly cpuBusy: number;
  readonly cpuTotal: number;
  readonly memoryUsedBytes: number;
  readonly memoryTotalBytes: number;
  readonly diskReadBytes: number;
  readonly diskWriteBytes: number;
  readonly diskReadOperations: number;
  readonly diskWriteOperations: number;
  readonly networkInBytes: number;
  readonly networkOutBytes: number;
}

/** Reads `/proc`; where there is none, or only part of one, what is missing counts as zero. */
export async function readCounters(): Promise<Counters> {
  const [stat, meminfo, diskstats, netdev] = await Promise.all(
    ["stat", "meminfo", "diskstats", "net/dev"].map((name) => readFile(`/proc/${name}`, "utf8").catch(() => "")),
  );
  return {
    ...parseCpu(stat ?? ""),
    ...parseMemory(meminfo ?? ""),
    ...parseDisks(diskstats ?? ""),
    ...parseNetwork(netdev ?? ""),
  };
}

export async function freeDiskBytes(directory: string): Promise<number> {
  return (await readDisk(directory)).diskFreeBytes;
}

/** Room of the disk on which a directory lies. */
export async function readDisk(directory: string): Promise<{ diskFreeBytes: number; diskTotalBytes: number }> {
  const { bavail, blocks, bsize } = await statfs(directory);
  return { diskFreeBytes: bavail * bsize, diskTotalBytes: blocks * bsize };
}

/** What happened between two readings. A counter that went back, as after a device is gone, counts as still. */
export function sampleBetween(
  before: Counters,
  after: Counters,
  at: Date,
  disk: { diskFreeBytes: number; diskTotalBytes: number },
): NodeSample {
  const since = (name: keyof Counters) => Math.max(0, after[name] - before[name]);
  const cpuTotal = since("cpuTotal");
  return {
    at: at.toISOString(),
    cpuPercent: cpuTotal === 0 ? 0 : Math.min(100, (100 * since("cpuBusy")) / cpuTotal),
    memoryUsedBytes: after.memoryUsedBytes,
    memoryTotalBytes: after.memoryTotalBytes,
    diskReadBytes: since("diskReadBytes"),
    diskWriteBytes: since("diskWriteBytes"),
    diskReadOperations: since("diskReadOperations"),
    diskWriteOperations: since("diskWriteOperations"),
    networkInBytes: since("networkInBytes"),
    networkOutBytes: since("networkOutBytes"),
    ...disk,
  };
}

export function parseCpu(stat: string) {
  const ticks = (/^cpu +(.*)$/m.exec(stat)?.[1] ?? "").split(" ").map(Number);
  // user nice system idle iowait irq softirq steal; guest time is already part of user.
  const cpuTotal = ticks.slice(0, 8).reduce((sum, each) => sum + each, 0);
  return { cpuTotal, cpuBusy: cpuTotal - (ticks[3] ?? 0) - (ticks[4] ?? 0) };
}

export function parseMemory(meminfo: string) {
  const bytes = (name: string) => 1024 * Number(new RegExp(`^${name}: +(\\d+)`, "m").exec(meminfo)?.[1] ?? 0);
  const memoryTotalBytes = bytes("MemTotal");
  return { memoryTotalBytes, memoryUsedBytes: memoryTotalBytes - bytes("MemAvailable") };
}

const sectorBytes = 512;
// Whole disks only: what a partition does is counted by its disk as well.
const wholeDisk = /^(sd[a-z]+|vd[a-z]+|xvd[a-z]+|nvme\d+n\d+|mmcblk\d+)$/;

export function parseDisks(diskstats: string) {
  const disks = rows(diskstats).filter(([, , name]) => wholeDisk.test(name ?? ""));
  const sum = (column: number) => disks.reduce((total, disk) => total + Number(disk[column] ?? 0), 0);
  return {
    diskReadOperations: sum(3),
    diskReadBytes: sectorBytes * sum(5),
    diskWriteOperations: sum(7),
    diskWriteBytes: sectorBytes * sum(9),
  };
}

export function parseNetwork(netdev: string) {
  const interfaces = rows(netdev.replaceAll(":", " ")).filter(
    ([name, first]) => name !== "lo" && /^\d+$/.test(first ?? ""),
  );
  const sum = (column: number) => interfaces.reduce((total, each) => total + Number(each[column] ?? 0), 0);
  return { networkInBytes: sum(1), networkOutBytes: sum(9) };
}

const rows = (table: string) => table.split("\n").map((row) => row.trim().split(/\s+/));
