import { existsSync, readFileSync } from "node:fs";
import { type Operation, operations } from "@kyanite/contract";
import { aPool, type RawClient, type RunningService, rawClient, runningService } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

/** What can be filtered by, as the description has it, where a copy of it lies beside the repository. */
const file = new URL("../../../../../shared/spec/operations.md", import.meta.url);
const isPresent = existsSync(file);
if (!isPresent) console.warn("SKIPPED: no description of the filters in ../shared/spec");

const listsByName: Readonly<Record<string, string>> = {
  pools: "Pool_List",
  jobs: "Job_List",
  "jobs of a schedule": "Job_ListFromJobSchedule",
  "job schedules": "JobSchedule_List",
  tasks: "Task_List",
  "job prep/release status": "Job_ListPreparationAndReleaseTaskStatus",
  nodes: "ComputeNode_List",
  "node counts": "Account_ListPoolNodeCounts",
  "supported images": "Account_ListSupportedImages",
  certificates: "Certificate_List",
};
const all = ["eq", "ne", "ge", "gt", "le", "lt"];
const operatorsOf = [all, all, ["eq", "ne"], ["eq"]];

interface Case {
  readonly operation: string;
  readonly property: string;
  readonly operators: readonly string[];
}

function published(): Case[] {
  const text = isPresent ? readFileSync(file, "utf8") : "";
  const table = text.split("### Properties that `$filter` accepts")[1]?.split("\n###")[0] ?? "";
  const rows = table.split("\n").map((line) =>
    line
      .split("|")
      .map((cell) => cell.trim())
      .slice(1),
  );
  return rows.flatMap(([list = "", ...groups]) => {
    const operation = listsByName[list];
    if (operation === undefined) return [];
    return groups.slice(0, 4).flatMap((cell, group) =>
      [...cell.matchAll(/`([\w/]+)`/g)]
        .flatMap(([, name = ""]) => expanded(name))
        .filter((property) => !property.endsWith("TaskExecutionInfo"))
        .map((property) => ({ operation, property, operators: operatorsOf[group] ?? [] })),
    );
  });
}

const expanded = (name: string) =>
  name.startsWith("X/")
    ? ["jobPreparationTaskExecutionInfo", "jobReleaseTaskExecutionInfo"].map((x) => x + name.slice(1))
    : [name];

function literalFor(property: string): string {
  if (/^enable/.test(property)) return "true";
  if (/exitCode$/.test(property)) return "0";
  if (/(Time|lastModified|Until|After)$/.test(property)) return "DateTime'2025-01-01T00:00:00Z'";
  if (/allocationState$/.test(property)) return "'Steady'";
  if (/result$/.test(property)) return "'success'";
  if (/Info\/state$/.test(property)) return "'running'";
  if (/osType$/.test(property)) return "'linux'";
  if (/verificationType$/.test(property)) return "'verified'";
  return /state$/.test(property) ? "'DELETING'" : "'x'";
}

let service: RunningService;
let call: RawClient;
beforeAll(async () => {
  service = await runningService();
  call = rawClient(service);
  await call("POST", "/pools", { body: aPool("pool", { targetDedicatedNodes: 0 }) });
  await call("POST", "/jobs", {
    body: { id: "job", poolInfo: { poolId: "pool" }, jobPreparationTask: { commandLine: "true" } },
  });
  const jobSpecification = { poolInfo: { poolId: "pool" } };
  await call("POST", "/jobschedules", { body: { id: "schedule", schedule: {}, jobSpecification } });
});
afterAll(() => service[Symbol.asyncDispose]());

const ids: Readonly<Record<string, string>> = { poolId: "pool", jobId: "job", jobScheduleId: "schedule" };
const byName: Readonly<Record<string, Operation>> = operations;

function list(operation: string, $filter: string) {
  const path = (byName[operation]?.path ?? "").replace(/\{(\w+)\}/g, (_, id: string) => ids[id] ?? "");
  return call("GET", path, { version: "2022-10-01.16.0", query: { $filter } });
}

describe.skipIf(!isPresent)("$filter", () => {
  test.each(published().map((each) => [each.operation, each.property, each] as const))(
    "of %s takes %s",
    async (operation, property, each) => {
      const literal =
        property === "state" && operation === "Task_List" ? "'Active'" : stateLiteral(operation, property);
      for (const operator of all) {
        const { status, json } = await list(operation, `${property} ${operator} ${literal}`);
        if (status === 501 || status === 404) return;
        if (each.operators.includes(operator)) expect(json, operator).toMatchObject({ value: expect.any(Array) });
        else if (operator !== "ne" && each.operators.length < 3)
          expect(json, operator).toMatchObject({ code: "InvalidQueryParameterValue" });
      }
    },
  );

  test.each(Object.values(listsByName))("of %s takes nothing else", async (operation) => {
    const { status, json } = await list(operation, "nothing eq 'x'");
    if (status !== 501 && status !== 404) expect(json).toMatchObject({ code: "InvalidQueryParameterValue" });
  });

  test("by a state that does not exist is refused", async () => {
    const { json } = await list("Pool_List", "state eq 'deleted'");
    const values = expect.arrayContaining([{ key: "QueryParameterName", value: "state" }]);
    expect(json).toMatchObject({ code: "InvalidQueryParameterValue", values });
  });
});

const stateLiteral = (operation: string, property: string) =>
  operation === "ComputeNode_List" && property === "state" ? "'Idle'" : literalFor(property);
