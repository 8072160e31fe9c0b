import { describe, expect, test } from "vitest";
import { PoolAddParameter } from "../pool-models.ts";
import { fromManagement, toManagement } from "./dialect.ts";

const own = {
  startTask: { commandLine: "true", userIdentity: { autoUser: { scope: "pool", elevationLevel: "nonadmin" } } },
  virtualMachineConfiguration: {
    imageReference: { virtualMachineImageId: "/images/1" },
    nodeAgentSKUId: "sku",
    osDisk: { caching: "readonly", managedDisk: { storageAccountType: "standardssd_lrs" } },
  },
  networkConfiguration: {
    dynamicVNetAssignmentScope: "none",
    endpointConfiguration: { inboundNATPools: [{ name: "ssh", protocol: "tcp" }] },
  },
  certificateReferences: [{ thumbprint: "ab", visibility: ["starttask", "task", "remoteuser"] }],
  targetNodeCommunicationMode: "simplified",
};

const theirs = {
  startTask: { commandLine: "true", userIdentity: { autoUser: { scope: "Pool", elevationLevel: "NonAdmin" } } },
  virtualMachineConfiguration: {
    imageReference: { id: "/images/1" },
    nodeAgentSkuId: "sku",
    osDisk: { caching: "ReadOnly", managedDisk: { storageAccountType: "StandardSSD_LRS" } },
  },
  networkConfiguration: {
    dynamicVnetAssignmentScope: "none",
    endpointConfiguration: { inboundNatPools: [{ name: "ssh", protocol: "TCP" }] },
  },
  certificateReferences: [{ thumbprint: "ab", visibility: ["StartTask", "Task", "RemoteUser"] }],
  targetNodeCommunicationMode: "Simplified",
};

describe("the dialect of the management plane", () => {
  test("differs in names and spellings, both ways", () => {
    expect(toManagement(PoolAddParameter, own)).toEqual(theirs);
    expect(fromManagement(PoolAddParameter, theirs)).toEqual(own);
  });

  test("leaves out what the data plane has no name for, and leaves values that it does not know", () => {
    expect(fromManagement(PoolAddParameter, { scaleSettings: {}, targetNodeCommunicationMode: "odd" })).toEqual({
      targetNodeCommunicationMode: "odd",
    });
  });
});
