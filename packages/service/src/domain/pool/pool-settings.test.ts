import { describe, expect, test } from "vitest";
import { newPool } from "./new-pool.ts";

const now = new Date("2026-01-01T00:00:00Z");
const account = { pk: 1, name: "a", keys: [] };
const imageReference = { publisher: "canonical", offer: "0001-com-ubuntu-server-jammy", sku: "22_04-lts" };
const machine = { imageReference, nodeAgentSKUId: "batch.node.ubuntu 22.04" };
const body = { id: "p", vmSize: "Standard_D2s_v3", virtualMachineConfiguration: machine };

const added = (change: object) => newPool({ ...body, ...change }, account, now);
const refusal = (change: object) => {
  try {
    added(change);
    return undefined;
  } catch (error) {
    return error;
  }
};
const withMachine = (change: object) => ({ virtualMachineConfiguration: { ...machine, ...change } });

const ports = "networkConfiguration.endpointConfiguration.inboundNATPools";
const withPorts = (...inboundNATPools: object[]) => ({
  networkConfiguration: { endpointConfiguration: { inboundNATPools } },
});
const aPortRange = (name: string, start: number, priorities: readonly number[] = []) => ({
  name,
  protocol: "tcp",
  backendPort: 80,
  frontendPortRangeStart: start,
  frontendPortRangeEnd: start + 39,
  networkSecurityGroupRules: priorities.map((priority) => ({ priority, access: "deny", sourceAddressPrefix: "*" })),
});

describe("a pool", () => {
  test("has the documented defaults, and its size in lower case", () => {
    expect(added({ networkConfiguration: {} }).spec).toMatchObject({
      vmSize: "standard_d2s_v3",
      taskSlotsPerNode: 1,
      taskSchedulingPolicy: { nodeFillType: "Spread" },
      enableAutoScale: false,
      enableInterNodeCommunication: false,
      networkConfiguration: { dynamicVNetAssignmentScope: "none", enableAcceleratedNetworking: false },
      virtualMachineConfiguration: { imageReference: { version: "latest" } },
    });
    expect(added({})).toMatchObject({ targetDedicatedNodes: 0, targetLowPriorityNodes: 0, resizeTimeoutSeconds: 900 });
  });

  test.each([
    ["vmSize", { vmSize: "Standard_D" }],
    ["taskSlotsPerNode", { taskSlotsPerNode: 9 }],
    ["resizeTimeout", { resizeTimeout: "PT4M" }],
    ["autoScaleFormula", { autoScaleFormula: "$TargetDedicatedNodes=1;" }],
    [
      "enableInterNodeCommunication",
      { enableInterNodeCommunication: true, targetDedicatedNodes: 1, targetLowPriorityNodes: 1 },
    ],
    ["virtualMachineConfiguration.windowsConfiguration", withMachine({ windowsConfiguration: {} })],
    ["virtualMachineConfiguration.licenseType", withMachine({ licenseType: "Windows_Server" })],
    [
      "upgradePolicy.rollingUpgradePolicy.maxBatchInstancePercent",
      {
        upgradePolicy: {
          mode: "rolling",
          rollingUpgradePolicy: { maxBatchInstancePercent: 30, maxUnhealthyInstancePercent: 20 },
        },
      },
    ],
    [
      "upgradePolicy.rollingUpgradePolicy.enableCrossZoneUpgrade",
      { upgradePolicy: { mode: "rolling", rollingUpgradePolicy: { enableCrossZoneUpgrade: true } } },
    ],
    [
      "upgradePolicy.automaticOSUpgradePolicy.enableAutomaticOSUpgrade",
      {
        upgradePolicy: { mode: "automatic", automaticOSUpgradePolicy: { enableAutomaticOSUpgrade: true } },
        ...withMachine({ imageReference: { ...imageReference, version: "1.0" } }),
      },
    ],
    [
      "networkConfiguration.publicIPAddressConfiguration.ipAddressIds",
      { networkConfiguration: { publicIPAddressConfiguration: { provision: "BatchManaged", ipAddressIds: ["i"] } } },
    ],
    [
      "virtualMachineConfiguration.dataDisks[1].lun",
      withMachine({
        dataDisks: [
          { lun: 3, diskSizeGB: 1 },
          { lun: 3, diskSizeGB: 2 },
        ],
      }),
    ],
    [`${ports}[1].name`, withPorts(aPortRange("a", 1000), aPortRange("a", 2000))],
    [`${ports}[0].frontendPortRangeEnd`, withPorts({ ...aPortRange("a", 1000), frontendPortRangeEnd: 1038 })],
    [`${ports}[1].frontendPortRangeStart`, withPorts(aPortRange("a", 1000), aPortRange("b", 1039))],
    [ports, withPorts(aPortRange("a", 1000, [150, 151]), aPortRange("b", 2000, [150]))],
  ])("that breaks the rule of %s is refused with that name", (name, change) => {
    expect(refusal(change)).toMatchObject({ code: "InvalidPropertyValue", values: { PropertyName: name } });
  });

  test.each([
    ["where its machines stand", withMachine({ nodePlacementConfiguration: { policy: "Zonal" } })],
    ["what its system disk is", withMachine({ osDisk: { caching: "readonly", diskSizeGB: 64 } })],
    ["how images are upgraded, which they never are", { upgradePolicy: { mode: "automatic" } }],
    [
      "that its nodes have no public address, which is so",
      { networkConfiguration: { publicIPAddressConfiguration: { provision: "NoPublicIPAddresses" } } },
    ],
    ["how nodes are reached", { targetNodeCommunicationMode: "classic" }],
    ["tags", { resourceTags: { a: "b" } }],
    ["disks", withMachine({ dataDisks: [{ lun: 0, diskSizeGB: 1 }] })],
    ["extensions", withMachine({ extensions: [{ name: "e", publisher: "p", type: "t" }] })],
    ["security", withMachine({ securityProfile: { encryptionAtHost: true } })],
    ["encryption", withMachine({ diskEncryptionConfiguration: { targets: ["temporarydisk"] } })],
    ["a subnet", { networkConfiguration: { subnetId: "/subscriptions/s/subnets/n" } }],
    ["ports", withPorts(aPortRange("a", 1000), aPortRange("b", 2000))],
    ["containers", withMachine({ containerConfiguration: { type: "criCompatible", containerImageNames: ["a"] } })],
    ["licences", { applicationLicenses: ["maya"] }],
  ])("may describe %s", (_, change) => {
    expect(added(change).spec).toMatchObject(change);
  });

  test("asks for nothing that its tasks would miss", () => {
    const identityReference = { resourceId: "i" };
    const containerConfiguration = { type: "dockerCompatible", containerRegistries: [{ identityReference }] } as const;
    for (const change of [
      withMachine({ containerConfiguration }),
      withMachine({ hardwareProfile: { vmSizeProperties: { vCPUsAvailable: 1 } } }),
    ])
      expect(refusal(change), JSON.stringify(change)).toMatchObject({ code: "UnsupportedProperty" });
  });
});
