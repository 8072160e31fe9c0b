import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { FormulaError, type PoolState, parseFormula } from "../src/index.ts";
import { anHourOf, aPool, now, run, samplesOf } from "./a-pool.ts";

const description = new URL("../../../../shared/spec/autoscale.md", import.meta.url);

interface Vector {
  readonly number: number;
  readonly formula: string;
  readonly expected: string;
}

const tenMinutes = "TimeInterval_Minute*10";
const guarded =
  "p=$PendingTasks.GetSamplePercent(180*TimeInterval_Second); n=p<70 ? 1 : avg($PendingTasks.GetSample(180*TimeInterval_Second)); $TargetDedicatedNodes=min(25, n);";
const noHistory = aPool({ samples: [] });
const fifteenOfTwenty = aPool({ samples: samplesOf(Array<number>(15).fill(1), 30) });

/** What the description says in words about the pool, or about a formula that it does not spell out. */
const described: Record<number, { readonly formula?: string; readonly pool?: PoolState; readonly expected?: string }> =
  {
    2: { pool: aPool({ targetDedicatedNodes: 0 }) },
    5: { pool: noHistory },
    6: { formula: `${"\n".repeat(8)}samplevecavg = avg($PendingTasks.GetSample(${tenMinutes}))`, pool: noHistory },
    7: { pool: noHistory },
    9: {
      formula:
        "$pct=$RunningTasks.GetSamplePercent(TimeInterval_Minute*15);$tasks=0;$want=$tasks>0?$tasks:max(0,$TargetDedicatedNodes/2);cap=3;$TargetDedicatedNodes=max(1,min($want,cap));$NodeDeallocationOption=taskcompletion",
      pool: aPool({ targetDedicatedNodes: 1, samples: samplesOf(Array<number>(29).fill(0), 0) }),
    },
    10: {
      formula: "n = val($PendingTasks.GetSample(1), 0); per = 4; $TargetLowPriorityNodes = n / per;",
      pool: aPool({ samples: anHourOf(233) }),
      expected: "`T=2/58/requeue`",
    },
    14: { expected: "target 1" },
    15: { formula: `v=$RunningTasks.GetSample(${tenMinutes}, 95)` },
    16: { formula: `v=len($RunningTasks.GetSample(${tenMinutes}, 80))`, expected: "v=18" },
    17: { formula: `v=len($RunningTasks.GetSample(${tenMinutes}))`, expected: "v=18" },
    18: { formula: `p=$CPUPercent.GetSamplePercent(${tenMinutes})`, pool: fifteenOfTwenty },
    19: { pool: aPool({ samples: anHourOf(1) }) },
    20: {
      formula: "v=$RunningTasks.GetSample(3); a=avg(v); b=avg(1,2,3); c=avg(v,7)",
      pool: aPool({ samples: samplesOf([1, 2, 3]) }),
    },
    21: {
      formula: guarded,
      pool: noHistory,
    },
    22: {
      formula: guarded,
      pool: aPool({ samples: samplesOf(Array<number>(20).fill(40), 0) }),
    },
    23: {
      formula:
        "$TargetDedicatedNodes=min(25, $PreemptedNodeCount.GetSample(180 * TimeInterval_Second)); $TargetLowPriorityNodes=min(25, 25-$TargetDedicatedNodes);",
      pool: aPool({ samples: samplesOf(Array<number>(20).fill(4), 0) }),
    },
    24: { pool: noHistory },
    32: { pool: aPool({ samples: samplesOf([0.4, 0.5, 1.5]) }) },
    33: { pool: aPool({ samples: samplesOf([10, 20, 30]) }) },
    34: {
      formula: "v=$RunningTasks.GetSample(3); a=v+1; b=v*v; c=v/2;",
      pool: aPool({ samples: samplesOf([1, 2, 3]) }),
      expected: "a=[2,3,4], b=[1,4,9], c=[0.5,1,1.5]",
    },
    40: { formula: "$TargetDedicated=4; $TargetDedicatedNodes=6;" },
    44: {
      pool: aPool({ current: { $CurrentDedicatedNodes: 10 } }),
      expected: "target 11",
    },
    46: { pool: noHistory },
    47: { pool: noHistory },
    54: { formula: "x".repeat(8193) },
    59: {
      pool: aPool({ samplesOf: { $ActiveTasks: samplesOf([9, 3]), $RunningTasks: samplesOf([9, 4]) } }),
    },
    61: { pool: aPool({ targetDedicatedNodes: 0 }) },
  };

/** These are about requests and pools rather than about formulas: the service's tests have them. */
const ofTheService = [52, 53, 62];

function readVectors(): Vector[] {
  const [, section = ""] = readFileSync(description, "utf8").split("## 12 Test vectors");
  const rows = section.split("\n").map((line) =>
    line
      .replaceAll("\\|", "\u0001")
      .split("|")
      .map((cell) => cell.trim().replaceAll("\u0001", "|")),
  );
  return rows
    .filter(([, number = ""]) => /^\d+$/.test(number))
    .map(([, number, formula = "", expected = ""]) => {
      const known = described[Number(number)];
      return {
        number: Number(number),
        formula: known?.formula ?? codeOf(formula),
        expected: known?.expected ?? expected,
      };
    });
}

const codeOf = (cell: string) => [...cell.matchAll(/`([^`]*)`/g)].map(([, code]) => code).join("\n");

/** What the text of a vector's expectation asks for, as checks of a run. */
function check({ number, formula, expected }: Vector): number {
  const pool = described[number]?.pool ?? aPool();
  const syntaxCode = /AutoScalingFormula(SyntaxError|TooLong)|syntax error/.exec(expected)?.[0];
  if (syntaxCode) {
    const code = syntaxCode === "syntax error" ? "AutoScalingFormulaSyntaxError" : syntaxCode;
    expect(errorOf(() => parseFormula(formula))).toMatchObject({ code });
    return 1;
  }
  const { results, error } = run(formula, pool);
  const errorCode = /InsufficientSampleData|AutoScalingFormulaEvaluationError|evaluation error/.exec(expected)?.[0];
  const mentionsError = errorCode !== undefined || /^(as 3$|error|`Line)/.test(expected) || / wanted /.test(expected);
  let checks = 1;
  if (!mentionsError && error) throw error;
  if (mentionsError) expect(error).toBeInstanceOf(FormulaError);
  if (errorCode?.startsWith("I") || errorCode?.startsWith("A")) expect(error).toMatchObject({ code: errorCode });
  const line = /`(Line[^`]*)`/.exec(expected)?.[1];
  if (line) {
    const [start = "", end = ""] = line.split(" … ");
    expect(error?.detail.startsWith(start)).toBe(true);
    expect(error?.detail.endsWith(end)).toBe(true);
    checks++;
  }
  const percents = /wanted \d+%, received \d+%/.exec(expected)?.[0];
  if (percents) expect(error?.detail).toContain(percents);

  const [, dedicated, lowPriority, option, rest] = /T=(\d+)\/(\d+)\/(\w+)(;[^`]*)?/.exec(expected) ?? [];
  if (dedicated) {
    const fixed = `$TargetDedicatedNodes=${dedicated};$TargetLowPriorityNodes=${lowPriority};$NodeDeallocationOption=${option}`;
    expect(rest ? results : results.split(";").slice(0, 3).join(";")).toBe(fixed + (rest ?? ""));
    return checks + 1;
  }
  const target = /target (\d+)/.exec(expected)?.[1];
  if (target) expect(results).toMatch(new RegExp(`^\\$TargetDedicatedNodes=${target};`));
  const order = /order `([^`]*)`/.exec(expected)?.[1];
  if (order) expect(results.endsWith(order)).toBe(true);
  for (const [, name, value] of pairsOf(formula, expected)) expect(`;${results};`).toContain(`;${name}=${value};`);
  return checks + (target ? 1 : 0) + (order ? 1 : 0) + pairsOf(formula, expected).length;
}

/** `a=7, b=[1,2]`; or values alone, in the order of the assignments. */
function pairsOf(formula: string, expected: string): (readonly [string, string, string])[] {
  const values = /^[-\d. ]+(?=$| )/.exec(expected)?.[0]?.trim().split(" ");
  if (values && values.length > 1) {
    const names = [...formula.matchAll(/(?:^|;)\s*(\w+)=(?!=)/g)].map(([, name = ""]) => name);
    expect(names).toHaveLength(values.length);
    return names.map((name, index) => ["", name, values[index] ?? ""]);
  }
  const pairs = [...expected.matchAll(/(?<![\w$])([$\w]+)=(\[[^\]]*\]|-?[\w.+]+)/g)];
  return pairs.map(([, name = "", value = ""]) => ["", name, value]);
}

function errorOf(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe.runIf(existsSync(description))("the test vectors of the language's description", () => {
  const vectors = existsSync(description) ? readVectors() : [];

  test("all of them are read", () => {
    expect(vectors.map(({ number }) => number)).toEqual([...Array(62).keys()].map((index) => index + 1));
  });

  test.each(vectors.filter(({ number }) => !ofTheService.includes(number)))("$number: $formula", (vector) => {
    expect(check(vector)).toBeGreaterThan(0);
  });

  test("14: on a Monday, five", () => {
    const monday = new Date(now.getTime() + 4 * 86_400_000);
    expect(run("$TargetDedicatedNodes = (time().weekday==1?5:1);", aPool({ now: monday })).results).toMatch(/Nodes=5;/);
  });

  test("40: the full name wins in the other order too", () => {
    expect(run("$TargetDedicatedNodes=6; $TargetDedicated=4;").results).toMatch(/^\$TargetDedicatedNodes=6;/);
  });

  test("57: six digits of a second are accepted", () => {
    expect(run('t=time("2023-04-14T10:00:00.123456Z");').results).toContain("t=2023-04-14T10:00:00.123Z");
  });
});

test.runIf(!existsSync(description))(
  "SKIPPED: the test vectors, whose description is not beside this repository",
  () => {
    expect(existsSync(description)).toBe(false);
  },
);
