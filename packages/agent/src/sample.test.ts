import { expect, test } from "vitest";
import { type Counters, parseCpu, parseDisks, parseMemory, parseNetwork, sampleBetween } from "./sample.ts";

test("busy time is all but idle and waiting", () => {
  expect(parseCpu("cpu  10 1 4 80 5 0 0 0 3 0\ncpu0 1 1 1 1\n")).toEqual({ cpuTotal: 100, cpuBusy: 15 });
});

test("used memory is what is not available", () => {
  expect(parseMemory("MemTotal:       1000 kB\nMemFree:  1 kB\nMemAvailable:   400 kB\n")).toEqual({
    memoryTotalBytes: 1_024_000,
    memoryUsedBytes: 614_400,
  });
});

test("partitions and memory disks are not counted beside their disks", () => {
  const table = [
    "   8  0 sda 10 0 100 5 20 0 200 5 0 0 0",
    "   8  1 sda1 10 0 100 5 20 0 200 5 0 0 0",
    "   7  0 loop0 9 0 9 9 9 0 9 9 0 0 0",
    " 259  0 nvme0n1 1 0 2 0 3 0 4 0 0 0 0",
  ].join("\n");
  expect(parseDisks(table)).toEqual({
    diskReadOperations: 11,
    diskReadBytes: 102 * 512,
    diskWriteOperations: 23,
    diskWriteBytes: 204 * 512,
  });
});

test("the loopback interface is not counted", () => {
  const table =
    "Inter-| Receive | Transmit\n face |bytes packets|bytes\n  lo: 5 0 0 0 0 0 0 0 5 0\neth0:100 1 0 0 0 0 0 0 200 1\n";
  expect(parseNetwork(table)).toEqual({ networkInBytes: 100, networkOutBytes: 200 });
});

test("what cannot be read counts as zero", () => {
  expect({ ...parseCpu(""), ...parseMemory(""), ...parseDisks(""), ...parseNetwork("") }).toEqual(none);
});

const none: Counters = {
  cpuBusy: 0,
  cpuTotal: 0,
  memoryUsedBytes: 0,
  memoryTotalBytes: 0,
  diskReadBytes: 0,
  diskWriteBytes: 0,
  diskReadOperations: 0,
  diskWriteOperations: 0,
  networkInBytes: 0,
  networkOutBytes: 0,
};

test("a sample is the difference of two readings, and a counter that went back is still", () => {
  const before = { ...none, cpuTotal: 100, cpuBusy: 10, networkInBytes: 50, diskReadBytes: 70 };
  const after = { ...none, cpuTotal: 200, cpuBusy: 35, networkInBytes: 80, diskReadBytes: 60, memoryUsedBytes: 7 };
  expect(sampleBetween(before, after, new Date(0), { diskFreeBytes: 9, diskTotalBytes: 10 })).toMatchObject({
    at: "1970-01-01T00:00:00.000Z",
    cpuPercent: 25,
    networkInBytes: 30,
    diskReadBytes: 0,
    memoryUsedBytes: 7,
    diskFreeBytes: 9,
    diskTotalBytes: 10,
  });
});
