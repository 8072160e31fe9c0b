import type { AgentReport } from "@kyanite/contract";
import type { Clock } from "@kyanite/runtime";
import { diskFull } from "./failure.ts";
import { type Counters, freeDiskBytes, readCounters, sampleBetween } from "./sample.ts";

interface HeartbeatOptions {
  readonly root: string;
  readonly reservedDiskBytes: number;
  readonly clock: Clock;
  send(report: AgentReport): void;
}

/**
 * Makes heartbeats. When `sampleSeconds` have passed since the last sample, a new one goes with it; when the disk has
 * become full, that is reported once.
 */
export async function createHeartbeat({ root, reservedDiskBytes, clock, send }: HeartbeatOptions) {
  let before: Counters = await readCounters();
  let sampledAt = clock.now().getTime();
  let wasFull = false;
  return async (sampleSeconds: number): Promise<AgentReport> => {
    const now = clock.now();
    const free = await freeDiskBytes(root);
    const isFull = free < reservedDiskBytes;
    if (isFull && !wasFull) send({ type: "nodeError", failure: diskFull().failure });
    wasFull = isFull;
    if (now.getTime() - sampledAt < sampleSeconds * 1000) return { type: "heartbeat" };
    const after = await readCounters();
    const sample = sampleBetween(before, after, now, free);
    before = after;
    sampledAt = now.getTime();
    return { type: "heartbeat", sample };
  };
}
