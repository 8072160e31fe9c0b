import { expect, test } from "vitest";
import { errorsOf, metadataOf, type Operation, queryIn } from "./operation.ts";
import { operations } from "./operations.ts";
import type { SchemaNode } from "./schema.ts";

const entries: [string, Operation][] = Object.entries(operations);

test("there are 80 operations", () => {
  expect(entries).toHaveLength(80);
});

test("an operation that is still there in 2025-06-01 has a new name, and no two share one", () => {
  const living = entries.filter(([, { removed }]) => removed === undefined || removed === "2026-10-01");
  expect(living.filter(([, { newName }]) => newName === undefined)).toEqual([]);
  expect(new Set(living.map(([, { newName }]) => newName)).size).toBe(living.length);
});

test("every code that a rule of a body names is declared by the operation", () => {
  const undeclared = entries.flatMap(([name, operation]) =>
    codesIn(operation.body ?? {})
      .filter((code) => !errorsOf(operation).some((declared) => declared === code))
      .map((code) => `${name}: ${code}`),
  );
  expect(undeclared).toEqual([]);
});

function codesIn({ errorCode, items, properties = {} }: SchemaNode): readonly string[] {
  const inner = [...Object.values(properties), ...(items ? [items] : [])].flatMap(codesIn);
  return errorCode ? [errorCode, ...inner] : inner;
}

test("a body, a list and a stream are declared only where they make sense", () => {
  for (const [name, { method, body, shape, response, status, set }] of entries) {
    if (body) expect(["POST", "PUT", "PATCH"], name).toContain(method);
    if (response) expect({ name, status, hasSet: set !== undefined }).toEqual({ name, status: 200, hasSet: true });
    expect(shape === "list" || shape === "element", name).toBe(response !== undefined);
  }
});

test("a single object of a set is marked, one that belongs to no set is not", () => {
  expect(metadataOf(operations.Pool_Get)).toBe("pools/@Element");
  expect(metadataOf(operations.Pool_List)).toBe("pools");
  expect(metadataOf(operations.Job_GetTaskCounts)).toBe("taskcountsresult/@Element");
  expect(metadataOf(operations.Pool_EvaluateAutoScale)).toBe("Microsoft.Azure.Batch.Protocol.Entities.AutoScaleRun");
  expect(metadataOf(operations.Pool_Delete)).toBeUndefined();
});

test("query parameters and their bounds are those of the version", () => {
  expect(Object.keys(queryIn(operations.Job_Delete, "2024-02-01.19.0"))).toEqual([]);
  expect(Object.keys(queryIn(operations.Job_Delete, "2024-07-01.20.0"))).toEqual(["force"]);
  const page = (version: "2022-10-01.16.0" | "2025-06-01") =>
    queryIn(operations.Account_ListPoolNodeCounts, version).maxresults;
  expect(page("2022-10-01.16.0")).toMatchObject({ maximum: 10, default: 10 });
  expect(page("2025-06-01")).toMatchObject({ maximum: 1000, default: 1000 });
});
