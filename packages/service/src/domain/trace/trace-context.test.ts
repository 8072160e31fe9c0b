import { expect, test } from "vitest";
import { parseTraceParent, spanIdOfRun, traceParentOfRun, writeTraceParent } from "./trace-context.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";

test("a trace parent is read and written", () => {
  const text = `00-${traceId}-${spanId}-01`;
  const context = parseTraceParent(text);
  expect(context).toEqual({ traceId, spanId, isSampled: true });
  expect(context && writeTraceParent(context)).toBe(text);
  expect(parseTraceParent(`00-${traceId}-${spanId}-02`)?.isSampled).toBe(false);
  expect(parseTraceParent(`01-${traceId}-${spanId}-03-more`)?.isSampled).toBe(true);
});

test.each([
  undefined,
  null,
  "",
  "nonsense",
  `ff-${traceId}-${spanId}-01`,
  `00-${"0".repeat(32)}-${spanId}-01`,
  `00-${traceId}-${"0".repeat(16)}-01`,
  `00-${traceId.toUpperCase()}-${spanId}-01`,
  `00-${traceId}-${spanId}-01x`,
])("%j is none", (text) => {
  expect(parseTraceParent(text)).toBeUndefined();
});

test("the span of a run follows from its id, in the trace of its task", () => {
  const runId = "5d2c2f3e-8f7a-4a0b-9d6e-3b1a2c4d5e6f";
  expect(spanIdOfRun(runId)).toMatch(/^[0-9a-f]{16}$/);
  expect(traceParentOfRun(`00-${traceId}-${spanId}-01`, runId)).toBe(`00-${traceId}-${spanIdOfRun(runId)}-01`);
  expect(traceParentOfRun(null, runId)).toBeUndefined();
});
