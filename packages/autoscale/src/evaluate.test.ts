import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anHourOf, aPool, resultsOf, run, samplesOf } from "../test/a-pool.ts";
import { FormulaError } from "./formula-error.ts";
import { functions } from "./functions.ts";
import { methods } from "./samples.ts";
import { sampleVariables } from "./variables.ts";

describe("what cannot be evaluated is an error at its place, and changes nothing", () => {
  test.each([
    ["a=1;\nb=c", "Line 2, Col 3: The variable c has no value"],
    [
      "a=$targetdedicatednodes",
      "Line 1, Col 3: The variable $targetdedicatednodes has no value; did you mean $TargetDedicatedNodes?",
    ],
    ["a=round(1,2)==1", "Line 1, Col 13: There is no == for a vector and a double"],
    ["a=-round(1,2)", "Line 1, Col 3: There is no - for a vector"],
    ['a="x"+"y"', "Line 1, Col 6: There is no + for a string and a string"],
    ["a=TimeInterval_Hour/TimeInterval_Hour", "Line 1, Col 20: There is no / for a time interval and a time interval"],
    ["a=TimeInterval_Hour/0", "Line 1, Col 20: The time interval is too long"],
    ["a=time()+TimeInterval_Year*9000", "Line 1, Col 9: The timestamp is not in the years 1 to 9999"],
    ["a=round(1,2)?1:2", "Line 1, Col 8: A condition must be a double, not a vector"],
    ["a=(1).year", "Line 1, Col 7: There is no year of a double"],
    ["a=(1).Count()", "Line 1, Col 12: Count is a method of the service's variables only"],
    ["$RunningTasks=1", "Line 1, Col 1: $RunningTasks cannot be assigned"],
    ["requeue=1", "Line 1, Col 1: requeue cannot be assigned"],
    ["a=stop()", "Line 1, Col 1: There is no value for a"],
    [
      "$NodeDeallocationOption=1",
      "Line 1, Col 1: $NodeDeallocationOption must be one of requeue, terminate, taskcompletion, retaineddata",
    ],
    ["$TargetDedicatedNodes=1/0", "Line 1, Col 1: $TargetDedicatedNodes cannot be Infinity"],
    [
      "$TargetDedicatedNodes=requeue",
      "Line 1, Col 1: $TargetDedicatedNodes must be a double, not a node deallocation option",
    ],
    ["a=$RunningTasks.GetSample(1,2)", "Line 1, Col 26: Expected one argument"],
    ["a=$RunningTasks.GetSample(requeue)", "Line 1, Col 26: Expected a timestamp or a time interval"],
  ])("%j", (formula, detail) => {
    expect(run(`$TargetDedicatedNodes=7;${formula}`).error?.detail).toBe(
      detail.replace(/Line 1, Col (\d+)/, (_, column) => `Line 1, Col ${Number(column) + 24}`),
    );
    expect(run(`$TargetDedicatedNodes=7;${formula}`).results).toBe(
      "$TargetDedicatedNodes=2;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue",
    );
  });

  const day = "v=$RunningTasks.GetSample(TimeInterval_Day,0);";
  test.each([
    ["vectors that double with each statement", `v=round(1,2);${"v=round(v,v);".repeat(99)}`],
    ["one vector given to a function over and over", `${day}x=round(${Array(3000).fill("v").join()})`],
    ["a long sum of vectors", `${day}x=v${"+v".repeat(3000)}`],
    ["a vector sorted again and again", `${day}x=0${"+percentile(v,50)".repeat(450)}`],
    ["a day of samples read again and again", `x=0${"+$FailedTasks.GetSample(9999)".repeat(270)}`],
  ])("%s: the bound of steps is met", (_, formula) => {
    const { error } = run(formula, aPool({ samples: samplesOf(Array<number>(2880).fill(1)) }));
    expect(error).toMatchObject({ code: "AutoScalingFormulaEvaluationError" });
    expect(error?.detail).toContain("200000 steps");
  });
});

describe("the rules that no vector of the description has", () => {
  test.each([
    ["a=0 && nothing", { a: "0" }],
    ["a=1 || nothing", { a: "1" }],
    ["a=1 ? 2 : nothing", { a: "2" }],
    ["a=2*round(1,2)-1", { a: "[1,3]" }],
    ["a=time()-TimeInterval_Hour==time()+(-TimeInterval_Hour)", { a: "1" }],
    [
      "a=TimeInterval_Minute*15; b=-(TimeInterval_Day*1.5); c=TimeInterval_100ns",
      { a: "00:15:00", b: "-1.12:00:00", c: "00:00:00.0000001" },
    ],
    ["a=terminate; $NodeDeallocationOption=a", { a: "terminate", $NodeDeallocationOption: "terminate" }],
    ["$NodeDeallocationOption=retaineddata", { $NodeDeallocationOption: "retaineddata" }],
    ["$TargetDedicatedNodes=-3", { $TargetDedicatedNodes: "0" }],
    [
      "$TargetDedicated=4; a=$TargetDedicatedNodes; $TargetDedicatedNodes=6; $TargetDedicated=1; b=$TargetDedicated",
      { a: "4", b: "6" },
    ],
    ["a=1; a=time().year", { a: "2016" }],
    ["x=1; $x=2", { x: "1", $x: "2" }],
    ["$TargetDedicatedNodes=1; 1 ? stop() : 0; $TargetDedicatedNodes=2", { $TargetDedicatedNodes: "1" }],
    [
      "a=$RunningTasks.GetSamplePeriod(); b=$RunningTasks.HistoryBeginTime()",
      { a: "00:00:30", b: "2016-10-13T18:18:47.805Z" },
    ],
    ["a=(1 ? $RunningTasks : $ActiveTasks).Count()", { a: "119" }],
    ["a=len($RunningTasks.GetSample(1000000)); b=len($RunningTasks.GetSample(-1))", { a: "119", b: "0" }],
    ["a=$CurrentDedicated+$CurrentDedicatedNodes", { a: "4" }],
    ['a=time("2016-10")<time("2016-10-13T19:18"); b="a"<"b"', { a: "1", b: "1" }],
    [
      "a=1/0; b=-1/0; c=0/0; d=1e-5; e=123456789; f=-0",
      { a: "Infinity", b: "-Infinity", c: "NaN", d: "1e-05", e: "1.23457e+08", f: "0" },
    ],
  ])("%s", (formula, expected) => {
    expect(resultsOf(formula)).toMatchObject(expected);
  });

  test("a sample's variable stands for its last sample, and for nothing when there is none", () => {
    expect(resultsOf("a=$PendingTasks*2", aPool({ samples: anHourOf(4) })).a).toBe("8");
    expect(resultsOf("a=$PendingTasks*2", aPool({ samples: [] })).a).toBe("0");
  });

  test("a month of history that has just begun is mostly missing, and a window of no length wants one sample", () => {
    const pool = aPool({ samples: samplesOf([1, 2, 3], 0) });
    expect(resultsOf("a=$RunningTasks.GetSamplePercent(TimeInterval_Minute*10)", pool).a).toBe("15");
    expect(resultsOf("a=$RunningTasks.GetSamplePercent(15*TimeInterval_Second)", pool).a).toBe("100");
  });
});

test("a run tells what each statement gave, and which samples it looked at", () => {
  const formula = "a = avg($RunningTasks.GetSample(TimeInterval_Minute * 2, 0));\nb = $PendingTasks + c;";
  const { trace } = run(formula, aPool({ samples: samplesOf([10, 20, 30], 60) }));
  expect(trace).toMatchObject([
    {
      statement: { name: "a", at: { line: 1, column: 1 } },
      value: { kind: "double", value: 25 },
      uses: [
        {
          variable: "$RunningTasks",
          method: "GetSample",
          samples: [{ value: 20 }, { value: 30 }],
          window: { percent: 50 },
        },
      ],
    },
    {
      statement: { name: "b", text: "b = $PendingTasks + c", at: { line: 2, column: 1 } },
      uses: [{ samples: [{ value: 30 }] }],
    },
  ]);
  expect(trace[1]).not.toHaveProperty("value");
});

const words = [
  ...functions.keys(),
  ...[...methods.keys()].map((name) => `.${name}`),
  ...sampleVariables,
  ..."+ - * / ! < <= == >= > != && || ? : = . , ( ) ;".split(" "),
  ...[
    "$TargetDedicatedNodes",
    "$TargetDedicated",
    "$NodeDeallocationOption",
    "requeue",
    "TimeInterval_Minute",
    "TimeInterval_Year",
  ],
  ...["a", "b", "0", "7", "0.5", "1e300", '"2020-01-01"', ".hour", "//", "\n", " ", '"', "%", "\u{1f600}"],
];

/** Ends with an evaluation or with a formula error; everything else fails the test. */
function endsWell(text: string): boolean {
  try {
    const { results, error } = run(text, aPool({ samples: anHourOf(3) }));
    return results.startsWith("$TargetDedicatedNodes=") && (error === undefined || error instanceof FormulaError);
  } catch (error) {
    return error instanceof FormulaError;
  }
}

const expression = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(
      "1",
      "0",
      "2.5",
      "a",
      "time()",
      "TimeInterval_Hour",
      "round(1,2)",
      '"2020"',
      "$RunningTasks",
      "requeue",
    ),
    fc
      .tuple(tie("expression"), fc.constantFrom("+", "-", "*", "/", "<", "==", "&&", "||"), tie("expression"))
      .map(([left, operator, right]) => `(${left}${operator}${right})`),
    fc
      .tuple(tie("expression"), tie("expression"), tie("expression"))
      .map((parts) => `(${parts[0]}?${parts[1]}:${parts[2]})`),
    fc
      .tuple(fc.constantFrom(...functions.keys()), fc.array(tie("expression"), { maxLength: 3 }))
      .map(([name, args]) => `${name}(${args})`),
    fc
      .tuple(fc.constantFrom(...methods.keys()), fc.array(tie("expression"), { maxLength: 3 }))
      .map(([name, args]) => `$ActiveTasks.${name}(${args})`),
    tie("expression").map((operand) => `-${operand}`),
  ),
})).expression;

describe("no text makes anything but a formula error", () => {
  test("any characters", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), endsWell), { numRuns: 2000 });
  });

  test("any words of the language", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { maxLength: 60 }), (parts) => endsWell(parts.join(" "))),
      { numRuns: 5000 },
    );
  });

  test("any grammatical formula, and most of those are evaluated", () => {
    const statement = fc
      .tuple(fc.constantFrom("a=", "b=", "$TargetDedicatedNodes=", ""), expression)
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(fc.array(statement, { maxLength: 8 }), (parts) => endsWell(parts.join(";\n"))),
      { numRuns: 5000 },
    );
  });

  test("one character repeated to the greatest length", () => {
    for (const character of [
      "(",
      "-",
      "!",
      "a",
      "1",
      ".",
      "?",
      "1?",
      "1?1:",
      "a.b",
      "a.year",
      "a.Count()",
      "max(",
      "1+",
      '"',
      "//",
      "\n",
      ";",
      "x=1;",
    ])
      expect(endsWell(character.repeat(Math.floor(8192 / character.length)))).toBe(true);
  });
});
