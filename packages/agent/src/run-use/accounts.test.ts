import { expect, test } from "vitest";
import { childTimes, groupCpu, processCpu, processIo, processMemory } from "./accounts.ts";

test("control groups of both versions count processor time, each in its own unit", () => {
  expect(groupCpu("usage_usec 1800000\nuser_usec 1500000\nsystem_usec 300000\nnice_usec 0\n")).toEqual({
    userSeconds: 1.5,
    kernelSeconds: 0.3,
  });
  expect(groupCpu("user 150\nsystem 30\n")).toEqual({ userSeconds: 1.5, kernelSeconds: 0.3 });
  expect(groupCpu("")).toBeUndefined();
});

test("a process's time is found behind whatever its program is called", () => {
  const text = "17 (a) b) 1 2 () S 1 17 17 0 -1 4194560 97 5 0 0 150 30 200 40 20 0 1 0 107799 3133440 388";
  expect(processCpu(text)).toEqual({
    own: { userSeconds: 1.5, kernelSeconds: 0.3 },
    ended: { userSeconds: 2, kernelSeconds: 0.4 },
  });
  expect(processCpu("17 (short) S 1")).toBeUndefined();
});

test("a shell says how long its children took", () => {
  expect(childTimes("7\n0m0.010000s 0m0.020000s\n1m2.500000s 0m0.300000s\nrchar: 1\n")).toEqual({
    userSeconds: 62.5,
    kernelSeconds: 0.3,
  });
  expect(childTimes("7\n")).toBeUndefined();
});

test("bytes of disks and operations are told apart from what went through pipes", () => {
  const text =
    "rchar: 6976\nwchar: 9\nsyscr: 10\nsyscw: 2\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 0\n";
  expect(processIo(text)).toEqual({ readBytes: 4096, writeBytes: 8192, readOperations: 10, writeOperations: 2 });
  expect(processIo("")).toBeUndefined();
});

test("a process's memory and its peak are known, and those of a process without any are not", () => {
  expect(processMemory("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n")).toEqual({
    bytes: 1_048_576,
    peakBytes: 2_097_152,
  });
  expect(processMemory("Name:\tkthreadd\n")).toBeUndefined();
});
