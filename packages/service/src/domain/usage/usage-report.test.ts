import { BatchError } from "@kyanite/contract";
import { expect, test } from "vitest";
import { parseGroupings } from "./grouping.ts";
import { usageCsv } from "./usage-csv.ts";
import { type UsagePart, usageGroups } from "./usage-report.ts";

const aPart = (more: Partial<UsagePart> = {}): UsagePart => ({
  values: [],
  vmSize: "standard_d2s_v3",
  isDedicated: true,
  cores: 2,
  nodeCoreSeconds: 0,
  taskCoreSeconds: 0,
  cpuSeconds: 0,
  runSeconds: 0,
  succeeded: 0,
  failed: 0,
  ...more,
});

const prices = {
  currency: "EUR",
  prices: [
    { vmSize: "Standard_D2s_v3", dedicated: true, perHour: 0.2 },
    { vmSize: "Standard_D2s_v3", dedicated: false, perHour: 0.05 },
  ],
};

test("a node's hour costs its price, and a task the part that its slots had", () => {
  const [group] = usageGroups([aPart({ nodeCoreSeconds: 2 * 3600, taskCoreSeconds: 3600 })], [], prices);
  expect(group?.nodeCost).toBeCloseTo(0.2, 10);
  expect(group?.taskCost).toBeCloseTo(0.1, 10);
  expect(group?.nodeMemoryGiBSeconds).toBe(8 * 3600);
});

test("low-priority nodes have a price of their own", () => {
  const [group] = usageGroups([aPart({ nodeCoreSeconds: 7200, isDedicated: false })], [], prices);
  expect(group?.nodeCost).toBeCloseTo(0.05, 10);
});

test("what has no price costs nobody knows what, and so does the group that it is in", () => {
  const parts = [aPart({ nodeCoreSeconds: 7200 }), aPart({ nodeCoreSeconds: 1, vmSize: "standard_d4s_v3" })];
  expect(usageGroups(parts, [], prices)[0]?.nodeCost).toBeNull();
  expect(usageGroups(parts, [], undefined)[0]?.nodeCost).toBeNull();
  expect(usageGroups([aPart()], [], undefined)[0]?.nodeCost).toBe(0);
});

test("parts of a group add up, whatever the size and kind of their nodes", () => {
  const groupings = parseGroupings("day, tag:project");
  const values = ["2026-01-31", "apollo"];
  const parts = [
    aPart({ values, taskCoreSeconds: 5, succeeded: 2 }),
    aPart({ values, taskCoreSeconds: 7, isDedicated: false, failed: 1 }),
    aPart({ values: ["2026-02-01", null], taskCoreSeconds: 1 }),
  ];
  expect(usageGroups(parts, groupings, prices)).toMatchObject([
    { day: "2026-01-31", tags: { project: "apollo" }, taskCoreSeconds: 12, succeededTasks: "2", failedTasks: "1" },
    { day: "2026-02-01", tags: { project: null }, taskCoreSeconds: 1 },
  ]);
});

test.each([
  ["month", "Expected day"],
  ["day,day", "twice"],
  ["tag:a,tag:a", "twice"],
  ["tag:", "Expected day"],
  ["day,,pool", "Expected day"],
  [Array.from({ length: 9 }, (_, index) => `tag:${index}`).join(","), "At most 8"],
])("usage is not grouped by %s", (text, reason) => {
  try {
    parseGroupings(text);
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(BatchError);
    expect(JSON.stringify(error)).toContain(reason);
  }
});

test("as CSV names are quoted, formulas are none, and what is not known is empty", () => {
  const groupings = parseGroupings("job,tag:who");
  const groups = usageGroups([aPart({ values: ["=1+1", 'a "b", c'], nodeCoreSeconds: 1 })], groupings, undefined);
  const text = usageCsv({ from: "", to: "", currency: null, groups }, groupings);
  const [heads, row] = text.split("\r\n");
  expect(heads).toMatch(/^jobId,tag:who,nodeCoreSeconds,.*,currency$/);
  expect(row).toBe(`'=1+1,"a ""b"", c",1,4,,0,0,0,0,0,0,0,`);
});

test("figures have no noise of binary fractions", () => {
  const parts = [aPart({ nodeCoreSeconds: 0.1, runSeconds: 0.1 }), aPart({ nodeCoreSeconds: 0.2, runSeconds: 0.2 })];
  const [group] = usageGroups(parts, [], undefined);
  expect(group).toMatchObject({ nodeCoreSeconds: 0.3, nodeMemoryGiBSeconds: 1.2, nodeCost: null, runSeconds: 0.3 });
});
