import type { RunUse } from "@kyanite/contract";

/** What is used here of a container runtime's statistics. What a runtime or a version of control groups lacks is absent. */
export interface RuntimeStatistics {
  readonly cpu_stats?: {
    readonly cpu_usage?: {
      readonly total_usage?: number;
      readonly usage_in_kernelmode?: number;
      readonly usage_in_usermode?: number;
    };
  };
  readonly memory_stats?: { readonly usage?: number; readonly max_usage?: number };
  readonly blkio_stats?: {
    readonly io_service_bytes_recursive?: readonly BlockCount[] | null;
    readonly io_serviced_recursive?: readonly BlockCount[] | null;
  };
}

interface BlockCount {
  readonly op: string;
  readonly value: number;
}

/** What a container has used by its runtime's account. Only former control groups keep a peak; else looks find one. */
export function useByRuntime({ cpu_stats, memory_stats, blkio_stats }: RuntimeStatistics): RunUse {
  const source = "containerRuntime";
  const cpu = cpu_stats?.cpu_usage;
  const peakBytes = memory_stats?.max_usage || memory_stats?.usage;
  const bytes = blkio_stats?.io_service_bytes_recursive;
  const operations = blkio_stats?.io_serviced_recursive;
  return {
    ...(cpu?.total_usage && {
      cpu: {
        source,
        userSeconds: seconds(cpu.usage_in_usermode || cpu.total_usage - (cpu.usage_in_kernelmode ?? 0)),
        kernelSeconds: seconds(cpu.usage_in_kernelmode ?? 0),
      },
    }),
    ...(peakBytes && { memory: { source, peakBytes } }),
    ...(bytes && {
      io: {
        source,
        readBytes: sum(bytes, "read"),
        writeBytes: sum(bytes, "write"),
        readOperations: sum(operations, "read"),
        writeOperations: sum(operations, "write"),
      },
    }),
  };
}

const seconds = (nanoseconds: number) => Math.max(0, nanoseconds) / 1e9;

const sum = (counts: readonly BlockCount[] | null | undefined, operation: string) =>
  (counts ?? []).reduce((total, { op, value }) => total + (op.toLowerCase() === operation ? value : 0), 0);
