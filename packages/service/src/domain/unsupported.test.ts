import { operations, type SchemaNode } from "@kyanite/contract";
import { describe, expect, test } from "vitest";
import { checkSupported, unsupportedProperties } from "./unsupported.ts";

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
    expect(refusal("task", { containerSettings: { imageName: "x" } })).toMatchObject({
      code: "UnsupportedProperty",
      values: { PropertyName: "containerSettings", Reason: expect.stringContaining("not supported") },
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

  test.each([
    ["pool", operations.Pool_Add.body],
    ["job", operations.Job_Add.body],
    ["task", operations.Task_Add.body],
  ] as const)("names only properties that a %s has", (resource, schema) => {
    const unknown = unsupportedProperties[resource].filter(({ path }) => !has(schema, path.split(".")));
    expect(unknown).toEqual([]);
  });
});

function has(node: SchemaNode, [step, ...rest]: readonly string[]): boolean {
  if (step === undefined) return true;
  const property = node.properties?.[step.replace("[]", "")];
  const next = step.endsWith("[]") ? property?.items : property;
  return next !== undefined && has(next, rest);
}
