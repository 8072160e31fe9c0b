import Type, { type Static } from "typebox";
import { ContainerConfiguration } from "./containers.ts";
import { DataDisk, DiskEncryptionConfiguration, OSDisk } from "./disks.ts";
import { ImageReference } from "./images.ts";
import { SecurityProfile } from "./machine-security.ts";
import { FreeObject, Int32, model, optional, required, StringEnum, secret, since } from "./schema.ts";

export const CloudServiceConfiguration = model("CloudServiceConfiguration", "Nodes of the old cloud-service kind.", {
  osFamily: Type.String(),
  osVersion: optional(Type.String(), "`*`, the newest, when absent."),
});
export type CloudServiceConfiguration = Static<typeof CloudServiceConfiguration>;

export const WindowsConfiguration = model("WindowsConfiguration", "What concerns Windows nodes only.", {
  enableAutomaticUpdates: optional(Type.Boolean()),
});

export const NodePlacementPolicyType = StringEnum(["Regional", "Zonal"]);
export type NodePlacementPolicyType = Static<typeof NodePlacementPolicyType>;

export const NodePlacementConfiguration = model("NodePlacementConfiguration", "How nodes spread over a region.", {
  policy: optional(NodePlacementPolicyType),
});

export const VMExtension = model("VMExtension", "Software that the platform installs on each machine.", {
  name: Type.String({ minLength: 1 }),
  publisher: Type.String(),
  type: Type.String(),
  typeHandlerVersion: optional(Type.String()),
  autoUpgradeMinorVersion: optional(Type.Boolean()),
  enableAutomaticUpgrade: optional(since("2023-05-01.17.0", Type.Boolean())),
  settings: optional(FreeObject()),
  protectedSettings: optional(secret(FreeObject()), "Never returned."),
  provisionAfterExtensions: optional(Type.Array(Type.String()), "Names of extensions that come first."),
});
export type VMExtension = Static<typeof VMExtension>;

export const ServiceArtifactReference = model(
  "ServiceArtifactReference",
  "Keeps the image versions of machines in step.",
  {
    id: Type.String(),
  },
);

export const VMSizeProperties = model("VMSizeProperties", "Fewer processors than the machine size has.", {
  vCPUsAvailable: optional(Int32({ minimum: 1 })),
  vCPUsPerCore: optional(Int32({ minimum: 1 })),
});

export const HardwareProfile = model("HardwareProfile", "Hardware of the machines beyond their size.", {
  vmSizeProperties: optional(VMSizeProperties),
});

export const ZonePlacementPolicyType = StringEnum(["Auto"]);

export const Placement = model("Placement", "Who chooses the zones of a pool.", {
  zonePlacementPolicy: ZonePlacementPolicyType,
});

export const MaxInstancePercentPerZonePolicy = model(
  "MaxInstancePercentPerZonePolicy",
  "The largest part of a pool that one zone may hold.",
  { enabled: optional(Type.Boolean()), value: Int32({ minimum: 1, maximum: 100 }) },
);

export const ZoneAllocationPolicy = model("ZoneAllocationPolicy", "How a pool uses several zones.", {
  maxZoneCount: optional(Int32({ minimum: 1 })),
  maxInstancePercentPerZonePolicy: optional(MaxInstancePercentPerZonePolicy),
});

export const ResiliencyPolicy = model("ResiliencyPolicy", "How a pool withstands the loss of a zone.", {
  zoneAllocationPolicy: ZoneAllocationPolicy,
});

export const VirtualMachineConfiguration = model("VirtualMachineConfiguration", "The machines of a pool.", {
  imageReference: ImageReference,
  nodeAgentSKUId: required(Type.String({ minLength: 1 }), "Must fit the image; see the supported images."),
  windowsConfiguration: optional(WindowsConfiguration),
  dataDisks: optional(Type.Array(DataDisk)),
  licenseType: optional(Type.String()),
  containerConfiguration: optional(ContainerConfiguration),
  diskEncryptionConfiguration: optional(DiskEncryptionConfiguration),
  nodePlacementConfiguration: optional(NodePlacementConfiguration),
  extensions: optional(Type.Array(VMExtension)),
  osDisk: optional(OSDisk),
  securityProfile: optional(since("2023-11-01.18.0", SecurityProfile)),
  serviceArtifactReference: optional(since("2023-11-01.18.0", ServiceArtifactReference)),
  hardwareProfile: optional(since("2026-10-01", HardwareProfile)),
  placement: optional(since("2026-10-01", Placement)),
  resiliencyPolicy: optional(since("2026-10-01", ResiliencyPolicy)),
});
export type VirtualMachineConfiguration = Static<typeof VirtualMachineConfiguration>;

export const VirtualMachineSkuAllocationStrategy = StringEnum(["lowestPrice", "capacityOptimized", "prioritized"]);

export const VirtualMachineSkuProfileVmSize = model("VirtualMachineSkuProfileVmSize", "One of several machine sizes.", {
  name: Type.String({ minLength: 1 }),
  rank: optional(Int32({ minimum: 0 }), "Lower comes first; used by the strategy `prioritized`."),
});

export const VirtualMachineSkuProfile = model("VirtualMachineSkuProfile", "The sizes of a pool of mixed machines.", {
  vmSizes: optional(Type.Array(VirtualMachineSkuProfileVmSize, { minItems: 1, maxItems: 5 })),
  allocationStrategy: optional(VirtualMachineSkuAllocationStrategy),
});
export type VirtualMachineSkuProfile = Static<typeof VirtualMachineSkuProfile>;
