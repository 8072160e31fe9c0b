import type { AgentReport } from "@kyanite/contract";
import type { Clock } from "@kyanite/runtime";
import { diskFull } from "./failure.ts";
import { type Counters, readCounters, readDisk, sampleBetween } from "./sample.ts";

interface HeartbeatOptions {
  readonly root: string;
  readonly reservedDiskBytes: number;
  readonly clock: Clock;
  send(report: AgentReport): void;
}

export interface Heartbeat {
  /** When `sampleSeconds` have passed since the last sample, a new one goes with it. */
  next(sampleSeconds: number): Promise<AgentReport>;
  /** What was reported of the disk may have been lost, or the node has begun anew: it is reported again. */
  forget(): void;
}

/** Makes heartbeats. When the disk has become full, that is reported once. */
export async function createHeartbeat(options: HeartbeatOptions): Promise<Heartbeat> {
  const { root, reservedDiskBytes, clock, send } = options;
  let before: Counters = await readCounters();
  let sampledAt = clock.now().getTime();
  let wasFull = false;
  const next = async (sampleSeconds: number): Promise<AgentReport> => {
    const now = clock.now();
    const disk = await readDisk(root);
    const isFull = disk.diskFreeBytes < reservedDiskBytes;
    if (isFull && !wasFull) send({ type: "nodeError", failure: diskFull().failure });
    wasFull = isFull;
    if (now.getTime() - sampledAt < sampleSeconds * 1000) return { type: "heartbeat" };
    const after = await readCounters();
    const sample = sampleBetween(before, after, now, disk);
    before = after;
    sampledAt = now.getTime();
    return { type: "heartbeat", sample };
  };
  const forget = () => {
    wasFull = false;
  };
  return { next, forget };
}
