import fc from "fast-check";
import type { TSchema } from "typebox";
import { describe, expect, test } from "vitest";
import { checkDocument } from "./check-document.ts";
import { BatchError } from "./errors.ts";
import { FileProperties } from "./files.ts";
import { JobAddParameter, JobUpdateParameter } from "./job-models.ts";
import { JobScheduleUpdateParameter, Schedule } from "./job-schedules.ts";
import { InboundNATPool } from "./network.ts";
import { ComputeNodeUser, NodeRebootParameter } from "./node-models.ts";
import type { Operation } from "./operation.ts";
import { allOperations } from "./operations.ts";
import { CloudPool, PoolAddParameter, PoolPatchParameter } from "./pool-models.ts";
import { readDocument } from "./read-document.ts";
import type { SchemaNode } from "./schema.ts";
import { CloudTask, TaskAddCollectionParameter, TaskAddParameter, TaskUpdateParameter } from "./task-models.ts";
import { isKnownIn } from "./versions.ts";
import { writeDocument } from "./write-document.ts";

const newest = "2026-10-01";

/** A place in a document where a plain value stands: puts one there, and looks what is there. */
interface Leaf {
  readonly type: string;
  readonly wrap: (value: unknown) => unknown;
  readonly unwrap: (document: unknown) => unknown;
}

function* leavesOf(schema: SchemaNode): Generator<Leaf> {
  if (schema.items)
    for (const { type, wrap, unwrap } of leavesOf(schema.items))
      yield { type, wrap: (value) => [wrap(value)], unwrap: (document) => unwrap(Object(document)[0]) };
  for (const [name, member] of Object.entries(schema.properties ?? {}))
    if (!member.readOnly && isKnownIn(newest, member))
      for (const { type, wrap, unwrap } of leavesOf(member))
        yield {
          type,
          wrap: (value) => ({ [name]: wrap(value) }),
          unwrap: (document) => unwrap(Object(document)[name]),
        };
  if (typeof schema.type === "string" && !schema.properties && !schema.items && !schema.enum && !schema.format)
    yield { type: schema.type, wrap: (value) => value, unwrap: (document) => document };
}

function errorOf(act: () => unknown): { code: string; values: unknown } {
  try {
    act();
  } catch (error) {
    if (error instanceof BatchError) return { code: error.code, values: error.values };
    throw error;
  }
  throw new Error("no error was thrown");
}

describe("reading a request body", () => {
  test("gives a former name its newest one", () => {
    const body = { id: "p", vmSize: "small", maxTasksPerNode: 4 };
    expect(readDocument(PoolAddParameter, body, "2019-08-01.10.0")).toEqual({
      id: "p",
      vmSize: "small",
      taskSlotsPerNode: 4,
    });
  });

  test("spells enumerations as the service does", () => {
    const body = { taskSchedulingPolicy: { nodeFillType: "pACK" }, userAccounts: [{ elevationLevel: "Admin" }] };
    expect(readDocument(PoolAddParameter, body, newest)).toEqual({
      taskSchedulingPolicy: { nodeFillType: "Pack" },
      userAccounts: [{ elevationLevel: "admin" }],
    });
  });

  test("spells durations as the service does", () => {
    const constraints = { maxWallClockTime: "P3Y6M4DT12H30M5S", retentionTime: "PT01H00M00S", maxTaskRetryCount: 1 };
    expect(readDocument(TaskAddParameter, { constraints }, newest)).toEqual({
      constraints: { maxWallClockTime: "P1279DT12H30M5S", retentionTime: "PT1H", maxTaskRetryCount: 1 },
    });
    const wrong = { constraints: { maxWallClockTime: "1h", retentionTime: 5 } };
    expect(readDocument(TaskAddParameter, wrong, newest)).toEqual(wrong);
  });

  test("takes a string that is exactly the number or boolean that is wanted, for every property, and nothing else", () => {
    const texts: Readonly<Record<string, readonly (readonly [string, unknown])[]>> = {
      integer: [
        ["3", 3],
        ["-1", -1],
        ["0", 0],
        ["3.0", "3.0"],
        ["true", "true"],
        ["9".repeat(16), "9".repeat(16)],
      ],
      boolean: [
        ["true", true],
        ["false", false],
        ["True", "True"],
        ["1", "1"],
      ],
      string: [
        ["3", "3"],
        ["true", "true"],
      ],
    };
    const seen = new Set<string>();
    const all: readonly Operation[] = Object.values(allOperations);
    for (const body of all.flatMap((operation) => [operation.body ?? [], operation.collection?.element ?? []].flat())) {
      for (const { type, wrap, unwrap } of leavesOf(body))
        for (const [text, value] of texts[type] ?? []) {
          expect(unwrap(readDocument(body, wrap(text), newest))).toBe(value);
          seen.add(type);
        }
    }
    expect([...seen].sort()).toEqual(["boolean", "integer", "string"]);
  });

  test("leaves out null, members of other versions, read-only members and annotations", () => {
    const body = {
      "odata.metadata": "x",
      id: "p",
      displayName: null,
      certificateReferences: [],
      virtualMachineConfiguration: { imageReference: { sku: "22", exactVersion: "1" }, placement: {} },
    };
    expect(readDocument(PoolAddParameter, body, "2025-06-01")).toEqual({
      id: "p",
      virtualMachineConfiguration: { imageReference: { sku: "22" } },
    });
    expect(readDocument(PoolAddParameter, body, "2022-10-01.16.0")).toHaveProperty("certificateReferences", []);
  });

  test("refuses a member that no version knows, naming it", () => {
    const body = { value: [{ id: "t" }, { id: "u", resourceFiles: [{ blobSource: "x" }] }] };
    expect(errorOf(() => readDocument(TaskAddCollectionParameter, body, newest))).toMatchObject({
      code: "UnsupportedProperty",
      values: { PropertyName: "value[1].resourceFiles[0].blobSource" },
    });
  });

  test("refuses __proto__ like any other unknown member", () => {
    const body: unknown = JSON.parse('{"id":"t","__proto__":{"commandLine":"x"}}');
    expect(errorOf(() => readDocument(TaskAddParameter, body, newest)).code).toBe("UnsupportedProperty");
  });

  test("refuses an enumeration value that the version does not have", () => {
    const body = { nodeRebootOption: "RetainedData" };
    expect(readDocument(NodeRebootParameter, body, "2025-06-01")).toEqual({ nodeRebootOption: "retaineddata" });
    expect(errorOf(() => readDocument(NodeRebootParameter, body, newest))).toMatchObject({
      code: "InvalidPropertyValue",
      values: { PropertyName: "nodeRebootOption", PropertyValue: "RetainedData" },
    });
  });

  test("demands a property in the versions that had it as required", () => {
    const body = { jobSpecification: { poolInfo: { poolId: "p" } } };
    expect(readDocument(JobScheduleUpdateParameter, body, "2025-06-01")).toEqual(body);
    expect(errorOf(() => readDocument(JobScheduleUpdateParameter, body, "2022-10-01.16.0"))).toEqual({
      code: "MissingRequiredProperty",
      values: { PropertyName: "schedule" },
    });
  });

  test("takes a whole resource where newer clients put one, and keeps what can change", () => {
    const task = { id: "t", url: "u", state: "active", commandLine: "x", constraints: { maxTaskRetryCount: 2 } };
    expect(readDocument(TaskUpdateParameter, task, "2025-06-01")).toEqual({ constraints: { maxTaskRetryCount: 2 } });
    const job = { id: "j", eTag: "0x1", state: "active", poolInfo: { poolId: "p" }, priority: 3 };
    expect(readDocument(JobUpdateParameter, job, "2025-06-01")).toEqual({ poolInfo: { poolId: "p" }, priority: 3 });
  });

  test("keeps free-form objects as they are", () => {
    const extension = { name: "e", settings: { a: { B: null } } };
    const body = { virtualMachineConfiguration: { extensions: [extension] } };
    expect(readDocument(PoolAddParameter, body, newest)).toEqual(body);
  });

  test("turns a 64-bit number into a string", () => {
    expect(readDocument(FileProperties, { contentLength: 12 }, newest)).toEqual({ contentLength: "12" });
  });

  test("either gives a document or a BatchError, whatever comes, and reading again changes nothing", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(PoolAddParameter, TaskAddParameter), (value, schema) => {
        try {
          const read = readDocument(schema, value, newest);
          expect(readDocument(schema, read, newest)).toEqual(read);
          checkDocument(schema, read);
        } catch (error) {
          if (!(error instanceof BatchError)) throw error;
        }
      }),
    );
  });
});

describe("checking a document", () => {
  const job = { id: "j", poolInfo: { poolId: "p" } };
  const pool = { id: "p", vmSize: "small" };
  const cases: [string, TSchema, unknown, string, string][] = [
    ["a missing property", JobAddParameter, { id: "j" }, "MissingRequiredProperty", "poolInfo"],
    [
      "a missing inner property",
      TaskAddParameter,
      aTask({ affinityInfo: {} }),
      "MissingRequiredProperty",
      "affinityInfo.affinityId",
    ],
    ["an id with a dot", JobAddParameter, { ...job, id: "a.b" }, "InvalidPropertyValue", "id"],
    ["an empty id", JobAddParameter, { ...job, id: "" }, "InvalidPropertyValue", "id"],
    ["an id of 65 characters", JobAddParameter, { ...job, id: "x".repeat(65) }, "InvalidPropertyValue", "id"],
    ["a priority out of range", JobAddParameter, { ...job, priority: 1001 }, "InvalidPropertyValue", "priority"],
    ["a text for a number", JobAddParameter, { ...job, priority: "1" }, "InvalidPropertyValue", "priority"],
    ["no parallel tasks", JobAddParameter, { ...job, maxParallelTasks: 0 }, "InvalidPropertyValue", "maxParallelTasks"],
    [
      "a long display name",
      JobAddParameter,
      { ...job, displayName: "x".repeat(1025) },
      "InvalidPropertyValue",
      "displayName",
    ],
    [
      "a nameless metadata item",
      JobAddParameter,
      { ...job, metadata: [{ name: "", value: "" }] },
      "EmptyMetadataKey",
      "metadata[0].name",
    ],
    [
      "a short resize timeout",
      PoolAddParameter,
      { ...pool, resizeTimeout: "PT4M59S" },
      "InvalidPropertyValue",
      "resizeTimeout",
    ],
    [
      "a long interval",
      PoolAddParameter,
      { ...pool, autoScaleEvaluationInterval: "PT169H" },
      "InvalidPropertyValue",
      "autoScaleEvaluationInterval",
    ],
    [
      "a long formula",
      PoolAddParameter,
      { ...pool, autoScaleFormula: "x".repeat(8193) },
      "AutoScalingFormulaTooLong",
      "autoScaleFormula",
    ],
    ["many slots", PoolAddParameter, { ...pool, taskSlotsPerNode: 257 }, "InvalidPropertyValue", "taskSlotsPerNode"],
    [
      "long dependencies",
      TaskAddParameter,
      aTask({ dependsOn: { taskIds: ["x".repeat(64_001)] } }),
      "TaskDependencyListTooLong",
      "dependsOn.taskIds",
    ],
    [
      "an unknown enumeration value",
      TaskAddParameter,
      aTask({ userIdentity: { autoUser: { scope: "all" } } }),
      "InvalidPropertyValue",
      "userIdentity.autoUser.scope",
    ],
    [
      "a variable with an equals sign",
      TaskAddParameter,
      aTask({ environmentSettings: [{ name: "A=B", value: "c" }] }),
      "InvalidPropertyValue",
      "environmentSettings[0].name",
    ],
    ["101 tasks", TaskAddCollectionParameter, { value: Array(101).fill(aTask({})) }, "InvalidPropertyValue", "value"],
    ["no tasks", TaskAddCollectionParameter, { value: [] }, "InvalidPropertyValue", "value"],
    ["a fast recurrence", Schedule, { recurrenceInterval: "PT59S" }, "InvalidPropertyValue", "recurrenceInterval"],
    [
      "a time without zone",
      Schedule,
      { doNotRunUntil: "2025-01-31T12:00:00" },
      "InvalidPropertyValue",
      "doNotRunUntil",
    ],
    [
      "a day that is none",
      Schedule,
      { doNotRunUntil: "2025-02-30T12:00:00Z" },
      "InvalidPropertyValue",
      "doNotRunUntil",
    ],
    ["an agent's port", InboundNATPool, aNatPool({ backendPort: 29_876 }), "InvalidPropertyValue", "backendPort"],
    [
      "a kept port",
      InboundNATPool,
      aNatPool({ frontendPortRangeEnd: 50_000 }),
      "InvalidPropertyValue",
      "frontendPortRangeEnd",
    ],
  ];

  function aTask(more: object) {
    return { id: "t", commandLine: "true", ...more };
  }

  function aNatPool(more: object) {
    return {
      name: "web",
      protocol: "tcp",
      backendPort: 80,
      frontendPortRangeStart: 1,
      frontendPortRangeEnd: 40,
      ...more,
    };
  }

  test.each(cases)("refuses %s", (_, schema, value, code, name) => {
    expect(errorOf(() => checkDocument(schema, value))).toMatchObject({ code, values: { PropertyName: name } });
  });

  test.each(["2025-01-31", "2025-01-31T12:00Z", "2025-01-31T12:00:00.1234567Z", "2024-02-29T23:59:59+01:00"])(
    "takes the time %s",
    (doNotRunUntil) => {
      expect(checkDocument(Schedule, { doNotRunUntil })).toBeUndefined();
    },
  );

  test("gives the rule as a sentence and the value that breaks it", () => {
    expect(errorOf(() => checkDocument(JobAddParameter, { ...job, priority: -1001 })).values).toEqual({
      PropertyName: "priority",
      PropertyValue: "-1001",
      Reason: "The value must be at least -1000",
    });
  });

  test("never repeats a secret", () => {
    const { values } = errorOf(() => checkDocument(ComputeNodeUser, { name: "u", password: 12_345 }));
    expect(JSON.stringify(values)).not.toContain("12345");
  });

  test("refuses a body that is no object", () => {
    expect(errorOf(() => checkDocument(JobAddParameter, [])).code).toBe("InvalidRequestBody");
  });

  test("takes no limit as a wall-clock time", () => {
    const constraints = { maxWallClockTime: "P10675199DT2H48M5.4775807S", maxTaskRetryCount: -1 };
    expect(checkDocument(TaskAddParameter, aTask({ constraints }))).toBeUndefined();
  });
});

describe("writing a document", () => {
  test("returns what needs no change as it is", () => {
    const task = { id: "t", requiredSlots: 1, containerSettings: { imageName: "i", registry: { username: "u" } } };
    expect(writeDocument(CloudTask, task, newest)).toBe(task);
  });

  test("leaves out what the version does not have", () => {
    const pool = { id: "p", upgradePolicy: { mode: "manual" }, certificateReferences: [] };
    expect(writeDocument(CloudPool, pool, "2022-10-01.16.0")).toEqual({ id: "p", certificateReferences: [] });
    expect(writeDocument(CloudPool, pool, "2025-06-01")).toEqual({ id: "p", upgradePolicy: { mode: "manual" } });
  });

  test("uses the name that the version knows", () => {
    expect(writeDocument(CloudPool, { taskSlotsPerNode: 2 }, "2020-03-01.11.0")).toEqual({ maxTasksPerNode: 2 });
    expect(writeDocument(CloudPool, { taskSlotsPerNode: 2 }, "2020-09-01.12.0")).toEqual({ taskSlotsPerNode: 2 });
  });

  test("leaves out secrets wherever they are, and does not touch the original", () => {
    const pool = {
      userAccounts: [{ name: "u", password: "s", linuxUserConfiguration: { uid: 1, sshPrivateKey: "s" } }],
      mountConfiguration: [{ azureFileShareConfiguration: { accountName: "a", accountKey: "s" } }],
      virtualMachineConfiguration: {
        containerConfiguration: { containerRegistries: [{ username: "u", password: "s" }] },
        extensions: [{ name: "e", protectedSettings: { s: 1 } }],
      },
    };
    const before = structuredClone(pool);
    expect(writeDocument(CloudPool, pool, newest)).toEqual({
      userAccounts: [{ name: "u", linuxUserConfiguration: { uid: 1 } }],
      mountConfiguration: [{ azureFileShareConfiguration: { accountName: "a" } }],
      virtualMachineConfiguration: {
        containerConfiguration: { containerRegistries: [{ username: "u" }] },
        extensions: [{ name: "e" }],
      },
    });
    expect(pool).toEqual(before);
  });

  test("hides nothing from a PATCH body's own schema but what the version lacks", () => {
    expect(writeDocument(PoolPatchParameter, { vmSize: "a", metadata: [] }, "2024-02-01.19.0")).toEqual({
      metadata: [],
    });
  });
});
