import type { AgentReport, NodeSample } from "@kyanite/contract";
import type { Clock, Log } from "@kyanite/runtime";
import { type Counters, readCounters, readDisk, sampleBetween } from "./sample.ts";

interface HeartbeatOptions {
  readonly clock: Clock;
  readonly log: Log;
}

/** A node as far as its heartbeat goes. */
interface Beating {
  readonly root: string;
  send(report: AgentReport): void;
}

export interface Heartbeat {
  /**
   * Has every node show that it is there. When `sampleSeconds` have passed since the last sample, a new one goes along:
   * that of the machine, with each node's own disk.
   */
  beat(nodes: readonly Beating[], sampleSeconds: number): Promise<void>;
}

/** Makes the heartbeats of a host's nodes. */
export async function createHeartbeat({ clock, log }: HeartbeatOptions): Promise<Heartbeat> {
  let before: Counters = await readCounters();
  let sampledAt = clock.elapsed();
  const sample = async (): Promise<Omit<NodeSample, "diskFreeBytes" | "diskTotalBytes">> => {
    const after = await readCounters();
    const noDisk = { diskFreeBytes: 0, diskTotalBytes: 0 };
    const { diskFreeBytes: _, diskTotalBytes: __, ...taken } = sampleBetween(before, after, clock.now(), noDisk);
    before = after;
    sampledAt = clock.elapsed();
    return taken;
  };
  return {
    async beat(nodes, sampleSeconds) {
      const isDue = clock.elapsed() - sampledAt >= sampleSeconds * 1000;
      const taken = isDue ? await sample() : undefined;
      const disks = await Promise.all(
        nodes.map(async ({ root }) => {
          if (!taken) return undefined;
          return readDisk(root).catch((cause: unknown) => void log.warn("no sample", { root, cause }));
        }),
      );
      nodes.forEach(({ send }, index) => {
        const disk = disks[index];
        send({ type: "heartbeat", ...(taken && disk && { sample: { ...taken, ...disk } }) });
      });
    },
  };
}
