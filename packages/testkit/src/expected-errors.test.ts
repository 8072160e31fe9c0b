import { createLog } from "@kyanite/runtime";
import { expect, test } from "vitest";
import { collectErrors, loggedErrors, refuseUnexpected } from "./expected-errors.ts";

const silent = createLog("silent");

test("an error that a test does not expect is refused when its service ends", () => {
  const errors = collectErrors(silent, []);
  errors.log.error("loop failed", { cause: new Error("foreign key") });
  expect(() => errors.check()).toThrow(/1 unexpected errors:\nloop failed .*foreign key/s);
});

test("an expected error is not, and nothing else than errors is looked at", () => {
  const errors = collectErrors(silent, [/loop failed .*settle-jobs/s]);
  errors.log.error("loop failed", { loop: "settle-jobs" });
  errors.log.warn("database away");
  errors.check();
});

test("errors are found among the lines that a process prints", () => {
  const output = '{"level":30,"msg":"ready"}\n{"level":50,"msg":"loop failed"}\nplain text\n';
  expect(loggedErrors(output)).toEqual(['{"level":50,"msg":"loop failed"}']);
  expect(() => refuseUnexpected(loggedErrors(output), [/request failed/])).toThrow("loop failed");
});
