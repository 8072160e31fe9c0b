import { expect, test } from "vitest";
import { unlimitedDuration } from "./duration.ts";
import { openApiDocument } from "./openapi.ts";
import { allOperations } from "./operations.ts";
import { isRecord } from "./per-version.ts";
import { apiVersions } from "./versions.ts";

function at(value: unknown, ...path: string[]): unknown {
  return path.reduce((inner, step) => (isRecord(inner) ? inner[step] : undefined), value);
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

test("the document of every version refers to nothing that it does not hold", () => {
  for (const version of apiVersions) {
    const document = openApiDocument("http://localhost", version);
    const references = [...JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name);
    const schemas = at(document, "components", "schemas");
    expect([...new Set(references)].filter((name) => !at(schemas, name ?? ""))).toEqual([]);
  }
});

test("an operation goes by the name of its version", () => {
  const named = (version: (typeof apiVersions)[number]) =>
    at(openApiDocument("http://localhost", version), "paths", "/pools", "post", "operationId");
  expect(named("2022-10-01.16.0")).toBe("Pool_Add");
  expect(named("2025-06-01")).toBe("Pools_CreatePool");
});

test("a model shows what its version has, under the name it had", () => {
  const pool = (version: (typeof apiVersions)[number], ...path: string[]) =>
    at(openApiDocument("http://localhost", version), "components", "schemas", "CloudPool", "properties", ...path);
  expect(pool("2019-08-01.10.0", "maxTasksPerNode", "type")).toBe("integer");
  expect(pool("2019-08-01.10.0", "taskSlotsPerNode")).toBeUndefined();
  expect(pool("2019-08-01.10.0", "upgradePolicy")).toBeUndefined();
  expect(pool("2026-10-01", "upgradePolicy", "$ref")).toBe("#/components/schemas/UpgradePolicy");
});

test("no keyword of our own reaches the reader", () => {
  const text = JSON.stringify(openApiDocument("http://localhost", "2026-10-01"));
  expect(text).not.toMatch(/"(since|removed|secret|lifespans|ignores|errorCode|note)":/);
});

test("what the server enforces is described: whole seconds, ids, HTTP dates, durations with fractions", () => {
  const document = openApiDocument("http://localhost", "2025-06-01");
  const get = at(document, "paths", "/pools/{poolId}", "get");
  const parameters = new Map(list(at(get, "parameters")).map((each) => [at(each, "name"), at(each, "schema")]));
  expect(parameters.get("timeout")).toMatchObject({ type: "integer", minimum: 1 });
  expect(parameters.get("poolId")).toMatchObject({ pattern: "^[A-Za-z0-9_-]{1,64}$" });
  expect("Sat, 31 Jan 2026 12:00:00 GMT").toMatch(
    new RegExp(String(at(parameters.get("If-Modified-Since"), "pattern"))),
  );
  expect("id,taskSlotsPerNode").toMatch(new RegExp(String(at(parameters.get("$select"), "pattern"))));
  expect("id,maxTasksPerNode").not.toMatch(new RegExp(String(at(parameters.get("$select"), "pattern"))));
  expect(at(get, "responses", "304")).toBeDefined();
  expect(at(get, "responses", "412", "description")).toContain("ConditionNotMet");
  expect(at(document, "paths", "/pools/{poolId}", "patch", "responses")).not.toHaveProperty("304");
  const timeout = at(document, "components", "schemas", "PoolResizeParameter", "properties", "resizeTimeout");
  expect(timeout).not.toHaveProperty("format");
  expect(unlimitedDuration).toMatch(new RegExp(String(at(timeout, "pattern"))));
  expect(at(timeout, "description")).toContain("At least PT5M.");
});

test("operations of one path and method never live in the same version twice", () => {
  const places = Object.values(allOperations).map(({ method, path }) => `${method} ${path}`);
  expect(new Set(places).size).toBe(places.length);
});

test("what this server adds is there and marked as its own", () => {
  const document = openApiDocument("http://localhost", "2022-10-01.16.0");
  const run = at(document, "components", "schemas", "AutoScaleRun", "properties");
  expect(at(run, "statements")).toMatchObject({ "x-kyanite-addition": true, type: "array" });
  expect(at(run, "results")).not.toHaveProperty("x-kyanite-addition");
  const task = at(document, "components", "schemas", "CloudTask", "properties");
  expect(at(task, "unsatisfiedDependencies")).toMatchObject({ "x-kyanite-addition": true, type: "array" });
  expect(at(document, "paths", "/pools/{poolId}/autoscaleruns", "get", "operationId")).toBe("Pool_ListAutoScaleRuns");
  expect(at(document, "paths", "/pools/{poolId}/runautoscale", "post", "operationId")).toBe("Pool_RunAutoScale");
});
