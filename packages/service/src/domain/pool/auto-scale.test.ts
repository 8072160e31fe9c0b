import { evaluate, parseFormula } from "@kyanite/autoscale";
import { BatchError } from "@kyanite/contract";
import { describe, expect, test } from "vitest";
import { after } from "../time.ts";
import {
  type AutoScale,
  autoScaleRun,
  checkedFormula,
  checkInterval,
  disabledPool,
  enabledPool,
  nextDue,
  scaledPool,
} from "./auto-scale.ts";
import { newPool } from "./new-pool.ts";
import type { Pool } from "./pool.ts";

const now = new Date("2026-01-01T00:00:00Z");
const account = { pk: 1, name: "test", keys: [] };
const body = {
  id: "p",
  vmSize: "standard_d2s_v3",
  virtualMachineConfiguration: {
    imageReference: {
      publisher: "canonical",
      offer: "0001-com-ubuntu-server-jammy",
      sku: "22_04-lts",
      version: "latest",
    },
    nodeAgentSKUId: "batch.node.ubuntu 22.04",
  },
};
const aPool = (more: Partial<Pool> = {}): Pool => ({
  ...newPool(body, account, now),
  pk: 1,
  etag: "e",
  allocationState: "steady",
  ...more,
});
const formula = "$TargetDedicatedNodes = 3;";
const enabled = enabledPool(aPool(), undefined, { autoScaleFormula: formula }, now);

const codeOf = (act: () => unknown): string | undefined => {
  try {
    act();
  } catch (error) {
    if (error instanceof BatchError) return error.code;
    throw error;
  }
  return undefined;
};

describe("turning autoscale on", () => {
  test("fills in the interval and begins the timetable", () => {
    expect(enabled.pool.spec).toMatchObject({
      enableAutoScale: true,
      autoScaleFormula: formula,
      autoScaleEvaluationInterval: "PT15M",
    });
    expect(enabled.autoScale).toEqual({ enabledTime: now, dueTime: after(now, 900), run: null });
  });

  test("needs a formula at first, and something to change afterwards", () => {
    expect(codeOf(() => enabledPool(aPool(), undefined, {}, now))).toBe("InvalidAutoScalingSettings");
    expect(codeOf(() => enabledPool(enabled.pool, enabled.autoScale, {}, after(now, 60)))).toBe(
      "InvalidAutoScalingSettings",
    );
  });

  test("is refused when it was done less than 30 seconds ago, unless by adding the pool", () => {
    const again = (seconds: number, before: AutoScale) => () =>
      enabledPool(enabled.pool, before, { autoScaleFormula: formula }, after(now, seconds));
    expect(codeOf(again(29, enabled.autoScale))).toBe("TooManyEnableAutoScaleRequests");
    expect(codeOf(again(30, enabled.autoScale))).toBeUndefined();
    expect(codeOf(again(1, { ...enabled.autoScale, enabledTime: null }))).toBeUndefined();
  });

  test("again with a formula keeps the timetable, with an interval begins a new one", () => {
    const later = after(now, 60);
    const dueAfter = (change: object) => enabledPool(enabled.pool, enabled.autoScale, change, later).autoScale.dueTime;
    expect(dueAfter({ autoScaleFormula: "a=1" })).toEqual(after(now, 900));
    expect(dueAfter({ autoScaleEvaluationInterval: "PT7M" })).toEqual(after(later, 420));
  });

  test("and off again takes its properties away and leaves the targets", () => {
    const off = disabledPool({ ...enabled.pool, targetDedicatedNodes: 3 }, now);
    expect(off.spec).not.toHaveProperty("autoScaleFormula");
    expect(off).toMatchObject({ enableAutoScale: false, targetDedicatedNodes: 3, spec: { enableAutoScale: false } });
  });
});

test("a formula that cannot be read is refused with its place", () => {
  expect(() => checkedFormula("a=1;\nb=(")).toThrow(
    expect.objectContaining({
      code: "AutoScalingFormulaSyntaxError",
      values: {
        PropertyName: "autoScaleFormula",
        Reason: "Line 2, Col 4: Expected a value, found the end of the formula",
      },
    }),
  );
  expect(codeOf(() => checkedFormula("x".repeat(8193)))).toBe("AutoScalingFormulaTooLong");
  expect(codeOf(() => checkedFormula(" "))).toBe("InvalidAutoScalingSettings");
});

test("the interval may not be below the setting, which the error names", () => {
  expect(codeOf(() => checkInterval("PT1M", 300))).toBe("InvalidPropertyValue");
  expect(codeOf(() => checkInterval("PT5M", 300))).toBeUndefined();
  expect(codeOf(() => checkInterval("PT1S", 1))).toBeUndefined();
});

describe("the timetable", () => {
  test("goes on in its steps, and skips what was missed", () => {
    expect(nextDue(now, 60, now)).toEqual(after(now, 60));
    expect(nextDue(now, 60, after(now, 1))).toEqual(after(now, 60));
    expect(nextDue(now, 60, after(now, 200))).toEqual(after(now, 240));
  });
});

describe("what an evaluation makes of the pool", () => {
  const targets = {
    targetDedicatedNodes: 3,
    targetLowPriorityNodes: 0,
    nodeDeallocationOption: "taskcompletion",
  } as const;
  const three = { currentDedicatedNodes: 3, currentLowPriorityNodes: 0 };
  const none = { currentDedicatedNodes: 0, currentLowPriorityNodes: 0 };
  const scaled = (pool: Pool, numbers = three, always = false) =>
    scaledPool(pool, { targets }, numbers, { always, now });

  test("new targets are set out for, without a timeout and with the option of the formula", () => {
    expect(scaled(aPool({ resizeDeadline: now }))).toMatchObject({
      targetDedicatedNodes: 3,
      allocationState: "resizing",
      resizeDeadline: null,
      nodeDeallocationOption: "taskcompletion",
    });
  });

  test("the same targets leave the pool alone, unless it does not have the nodes or has only just been told", () => {
    const pool = aPool({ targetDedicatedNodes: 3 });
    expect(scaled(pool)).toBe(pool);
    expect(scaled(pool, none).allocationState).toBe("resizing");
    expect(scaled(pool, three, true).allocationState).toBe("resizing");
    const onItsWay = aPool({ targetDedicatedNodes: 3, allocationState: "resizing" });
    expect(scaled(onItsWay, none)).toBe(onItsWay);
  });
});

test("a run shows what its statements gave and looked at, and where it failed", () => {
  const at = now.getTime();
  const samples = Array.from({ length: 200 }, (_, index) => ({ at: at - 30_000 * (199 - index), value: index }));
  const evaluation = evaluate(parseFormula("a = max($PendingTasks.GetSample(TimeInterval_Hour * 2));\nb = a + c;"), {
    now,
    targetDedicatedNodes: 0,
    targetLowPriorityNodes: 0,
    current: {},
    history: { periodSeconds: 30, samplesOf: () => samples },
    random: () => 0,
  });
  const run = autoScaleRun(evaluation, now, "interval");
  expect(run).toMatchObject({
    timestamp: "2026-01-01T00:00:00Z",
    results: "$TargetDedicatedNodes=0;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue",
    trigger: "interval",
    error: {
      code: "AutoScalingFormulaEvaluationError",
      values: [{ name: "Message", value: "Line 2, Col 9: The variable c has no value" }],
    },
    statements: [
      {
        line: 1,
        column: 1,
        text: "a = max($PendingTasks.GetSample(TimeInterval_Hour * 2))",
        value: "199",
        samples: [{ variable: "$PendingTasks", method: "GetSample", startTime: "2025-12-31T22:00:00Z", count: 200 }],
      },
      { line: 2, text: "b = a + c", samples: [] },
    ],
  });
  expect(run.statements?.[0]?.samples[0]?.values).toHaveLength(100);
});
