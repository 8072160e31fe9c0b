import { describe, expect, test } from "vitest";
import { resultsOf, run } from "../test/a-pool.ts";
import { FormulaError } from "./formula-error.ts";
import { parseFormula } from "./parser.ts";

function refusal(formula: string): FormulaError {
  try {
    parseFormula(formula);
  } catch (error) {
    if (error instanceof FormulaError) return error;
    throw error;
  }
  throw new Error(`${formula} was accepted`);
}

describe("a text that is no formula is refused where it goes wrong", () => {
  test.each([
    ["", "Line 1, Col 1: The formula is empty"],
    ["$a=5 % 3;", "Line 1, Col 6: Unexpected character '%'"],
    ["$a=(3", "Line 1, Col 6: Expected ')', found the end of the formula"],
    ["$a=5\n$b=6;", "Line 2, Col 1: Expected ';', found '$b'"],
    ["$a=5;\r\n$b=;", "Line 2, Col 4: Expected a value, found ';'"],
    ["a=1;\n\n  b=foo(1)", "Line 3, Col 5: There is no function 'foo'"],
    ["a=rand(1)", "Line 1, Col 7: rand takes 0 arguments, not 1"],
    ["a=val($RunningTasks.GetSample(1))", "Line 1, Col 6: val takes 2 arguments, not 1"],
    ["a=lg()", "Line 1, Col 5: lg takes at least 1 arguments, not 0"],
    ["a=$RunningTasks.GetSamples(1)", "Line 1, Col 17: There is no method 'GetSamples'"],
    ["a=$RunningTasks.GetSample()", "Line 1, Col 26: GetSample takes 1 to 3 arguments, not 0"],
    ["a=time().century", "Line 1, Col 10: There is no member 'century'"],
    ["a=time().5", "Line 1, Col 9: Expected ';', found '.5'"],
    ["a=$", "Line 1, Col 3: Unexpected character '$'"],
    ['a=time("x', "Line 1, Col 8: The text is not closed on its line"],
    ["a=1e999", "Line 1, Col 3: The number is too large"],
    ["1=a", "Line 1, Col 2: Expected ';', found '='"],
    [`a=${"(".repeat(300)}1`, "Line 1, Col 203: Expressions stand in each other more than 200 deep"],
    ["a=1;".repeat(101), "Line 1, Col 401: A formula may have at most 100 statements"],
  ])("%j", (formula, detail) => {
    expect(refusal(formula)).toMatchObject({ code: "AutoScalingFormulaSyntaxError", detail });
  });

  test("a formula of 8192 characters is read, one of 8193 is not", () => {
    expect(parseFormula(`a=1${" ".repeat(8189)}`).statements).toHaveLength(1);
    expect(refusal(`a=1${" ".repeat(8190)}`)).toMatchObject({ code: "AutoScalingFormulaTooLong" });
  });
});

describe("what other tools write is read", () => {
  test("CRLF, tabs, comments at any place and empty statements", () => {
    const formula = "// grow\r\n\ta = 1; // one\r\n;;\r\nb\r\n=\ta + 1\r\n;// end";
    expect(resultsOf(formula)).toMatchObject({ a: "1", b: "2" });
  });

  test("a text of an address is no comment", () => {
    expect(parseFormula('a = "http://host";').statements[0]?.text).toBe('a = "http://host"');
  });

  test("the last statement needs no semicolon, and a sum may be very long", () => {
    expect(resultsOf(`a=1${"+1".repeat(4000)}`).a).toBe("4001");
  });

  test("names of functions and types may be variables", () => {
    expect(resultsOf("max=3; timeInterval=2; $round=max(max,timeInterval); now=time()")).toMatchObject({
      max: "3",
      $round: "3",
    });
  });

  test("a whole formula from a template", () => {
    const { results, error } = run(
      [
        "startingNumberOfVMs = 1;",
        "maxNumberofVMs = 25;",
        "pendingTaskSamplePercent = $PendingTasks.GetSamplePercent(180 * TimeInterval_Second);",
        "pendingTaskSamples = pendingTaskSamplePercent < 70 ? startingNumberOfVMs : avg($PendingTasks.GetSample(180 * TimeInterval_Second));",
        "$TargetDedicatedNodes=min(maxNumberofVMs, pendingTaskSamples);",
        "$NodeDeallocationOption = taskcompletion;",
      ].join("\r\n"),
    );
    expect(error?.detail).toBeUndefined();
    expect(results).toBe(
      "$TargetDedicatedNodes=1;$TargetLowPriorityNodes=0;$NodeDeallocationOption=taskcompletion;maxNumberofVMs=25;pendingTaskSamplePercent=66.6667;pendingTaskSamples=1;startingNumberOfVMs=1",
    );
  });
});
