import { formatDuration, type PoolStatistics } from "@kyanite/contract";
import { isoTime } from "../time.ts";

/** Sums over the samples of a pool's nodes, and their peaks. */
export interface PoolLoad {
  readonly samples: number;
  readonly cpuPercent: number;
  readonly memoryBytes: number;
  readonly memoryPeak: number;
  readonly diskBytes: number;
  readonly diskPeak: number;
  readonly readOperations: number;
  readonly writeOperations: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly inBytes: number;
  readonly outBytes: number;
  readonly dedicatedCoreSeconds: number;
}

const gibibyte = 1024 ** 3;

/** What clients see of a pool's load since an instant. */
export function poolStatistics(
  load: PoolLoad,
  { url, since, now }: { readonly url: string; readonly since: Date; readonly now: Date },
): PoolStatistics {
  const period = { startTime: isoTime(since), lastUpdateTime: isoTime(now) };
  const average = (sum: number) => (load.samples === 0 ? 0 : sum / load.samples);
  return {
    url,
    ...period,
    usageStats: { ...period, dedicatedCoreTime: formatDuration(Math.round(load.dedicatedCoreSeconds)) },
    resourceStats: {
      ...period,
      avgCPUPercentage: average(load.cpuPercent),
      avgMemoryGiB: average(load.memoryBytes) / gibibyte,
      peakMemoryGiB: load.memoryPeak / gibibyte,
      avgDiskGiB: average(load.diskBytes) / gibibyte,
      peakDiskGiB: load.diskPeak / gibibyte,
      diskReadIOps: String(load.readOperations),
      diskWriteIOps: String(load.writeOperations),
      diskReadGiB: load.readBytes / gibibyte,
      diskWriteGiB: load.writeBytes / gibibyte,
      networkReadGiB: load.inBytes / gibibyte,
      networkWriteGiB: load.outBytes / gibibyte,
    },
  };
}
