import { BatchPoolIdentity, operations, type SchemaNode } from "@kyanite/contract";
import { describe, expect, test } from "vitest";
import {
  checkDescriptions,
  checkSupported,
  describingProperties,
  propertiesWithoutEffect,
  refusedProperties,
} from "./unsupported.ts";

const refusal = (resource: "pool" | "job" | "task", body: object) => {
  try {
    checkSupported(resource, body);
    return undefined;
  } catch (error) {
    return error;
  }
};

describe("what is not supported", () => {
  test("is refused with its name and the reason", () => {
    const registry = { identityReference: { resourceId: "i" } };
    const containerSettings = { imageName: "x", registry };
    expect(refusal("job", { jobPreparationTask: { containerSettings } })).toMatchObject({
      code: "UnsupportedProperty",
      values: {
        PropertyName: "jobPreparationTask.containerSettings.registry.identityReference",
        Reason: expect.stringContaining("not supported"),
      },
    });
  });

  test("is refused inside of lists, with the number of the element", () => {
    const resourceFiles = [{ httpUrl: "http://a/b", filePath: "b" }, { identityReference: { resourceId: "i" } }];
    expect(refusal("pool", { startTask: { commandLine: "x", resourceFiles } })).toMatchObject({
      values: { PropertyName: "startTask.resourceFiles[1].identityReference" },
    });
  });

  test("is accepted where the value asks for nothing", () => {
    const pool = {
      enableAutoScale: false,
      certificateReferences: [],
      targetNodeCommunicationMode: "default",
      virtualMachineConfiguration: { nodePlacementConfiguration: { policy: "Regional" } },
    };
    expect(refusal("pool", pool)).toBeUndefined();
    expect(refusal("job", { allowTaskPreemption: false, poolInfo: { poolId: "p" } })).toBeUndefined();
  });

  // The management plane gives pools identities as well.
  const managedPool = { properties: { ...operations.Pool_Add.body.properties, identity: BatchPoolIdentity } };

  test.each([
    ["pool", operations.Pool_Add.body, refusedProperties.pool],
    ["job", operations.Job_Add.body, refusedProperties.job],
    ["task", operations.Task_Add.body, refusedProperties.task],
    ["pool", managedPool, describingProperties.pool],
    ["job", operations.Job_Add.body, describingProperties.job],
    ["job schedule", operations.JobSchedule_Add.body, describingProperties.jobSchedule],
  ] as const)("names only properties that a %s has", (_, schema, properties) => {
    expect(properties.filter(({ path }) => !has(schema, path.split(".")))).toEqual([]);
  });
});

describe("what only describes Azure's hardware", () => {
  const disks = { virtualMachineConfiguration: { dataDisks: [{ lun: 0, diskSizeGB: 1 }], osDisk: {} } };

  test("is named where it asks for something", () => {
    expect(propertiesWithoutEffect(disks)).toEqual(["virtualMachineConfiguration.dataDisks"]);
    expect(propertiesWithoutEffect({ networkConfiguration: { dynamicVNetAssignmentScope: "none" } })).toEqual([]);
  });

  test("is refused only where the operator wants that, with its name in the whole body", () => {
    const job = { poolInfo: { autoPoolSpecification: { pool: disks } } };
    expect(() => checkDescriptions("ignore", "job", job)).not.toThrow();
    for (const [resource, body, path] of [
      ["pool", disks, ""],
      ["job", job, "poolInfo.autoPoolSpecification.pool."],
      ["jobSchedule", { jobSpecification: job }, "jobSpecification.poolInfo.autoPoolSpecification.pool."],
    ] as const)
      expect(() => checkDescriptions("refuse", resource, body)).toThrow(
        expect.objectContaining({
          code: "UnsupportedProperty",
          values: expect.objectContaining({ PropertyName: `${path}virtualMachineConfiguration.dataDisks` }),
        }),
      );
  });
});

function has(node: SchemaNode, [step, ...rest]: readonly string[]): boolean {
  if (step === undefined) return true;
  const property = node.properties?.[step.replace("[]", "")];
  const next = step.endsWith("[]") ? property?.items : property;
  return next !== undefined && has(next, rest);
}
