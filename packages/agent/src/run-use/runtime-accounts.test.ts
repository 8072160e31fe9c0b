import { expect, test } from "vitest";
import { useByRuntime } from "./runtime-accounts.ts";

test("a container's use is what its runtime says", () => {
  expect(
    useByRuntime({
      cpu_stats: { cpu_usage: { total_usage: 2e9, usage_in_usermode: 1.5e9, usage_in_kernelmode: 5e8 } },
      memory_stats: { usage: 1000, max_usage: 5000 },
      blkio_stats: {
        io_service_bytes_recursive: [
          { op: "Read", value: 10 },
          { op: "write", value: 7 },
          { op: "Read", value: 5 },
        ],
        io_serviced_recursive: null,
      },
    }),
  ).toEqual({
    cpu: { source: "containerRuntime", userSeconds: 1.5, kernelSeconds: 0.5 },
    memory: { source: "containerRuntime", peakBytes: 5000 },
    io: { source: "containerRuntime", readBytes: 15, writeBytes: 7, readOperations: 0, writeOperations: 0 },
  });
});

test("what a runtime does not count is absent, as after the container's end", () => {
  expect(useByRuntime({ cpu_stats: { cpu_usage: { total_usage: 0 } }, memory_stats: {}, blkio_stats: {} })).toEqual({});
});
