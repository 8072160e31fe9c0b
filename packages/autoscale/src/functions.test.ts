import { describe, expect, test } from "vitest";
import { resultsOf, run } from "../test/a-pool.ts";
import { functions } from "./functions.ts";

test.each([...functions].map(([name, { example }]) => [name, ...example] as const))(
  "%s: %s gives %s",
  (_, formula, x) => {
    expect(resultsOf(formula).x).toBe(x);
  },
);

describe("what a function refuses", () => {
  test.each([
    ["x=avg(round(1,2)-vec(1))", "Line 1, Col 17: The vectors have 2 and 1 elements"],
    ["x=avg()", "Line 1, Col 6: avg of no values"],
    ["x=max()", "Line 1, Col 6: max of no values"],
    ["x=std($RunningTasks.GetSample(0))", "Line 1, Col 6: std of no values"],
    ["x=sum(time())", "Line 1, Col 6: sum takes doubles and vectors, not a timestamp"],
    ["x=val(round(1,2),2)", "Line 1, Col 6: There is no element 2 in a vector of 2"],
    ["x=val(1,2)", "Line 1, Col 6: val takes a vector and a double"],
    ["x=percentile(round(1,2),101)", "Line 1, Col 13: A percentile is between 0 and 100"],
    ["x=vec(round(1,2))", "Line 1, Col 6: vec takes a double"],
    ['x=time("yesterday")', 'Line 1, Col 7: "yesterday" is no date and time'],
    ["x=time(1)", "Line 1, Col 7: time takes a string"],
  ])("%s", (formula, detail) => {
    expect(run(formula).error).toMatchObject({ code: "AutoScalingFormulaEvaluationError", detail });
  });
});

test("nothing at all gives zero where zero is a sum or a count", () => {
  expect(resultsOf("a=sum(); b=len(); c=norm(); d=val($RunningTasks.GetSample(0),0); e=std(4)")).toMatchObject({
    a: "0",
    b: "0",
    c: "0",
    d: "0",
    e: "0",
  });
});
