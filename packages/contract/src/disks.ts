import Type, { type Static } from "typebox";
import { addition, Int32, model, optional, required, StringEnum, since, until } from "./schema.ts";

export const CachingType = StringEnum(["none", "readonly", "readwrite"]);
export type CachingType = Static<typeof CachingType>;

export const StorageAccountType = StringEnum(["standard_lrs", "premium_lrs", "standardssd_lrs"], {
  lifespans: { standardssd_lrs: { since: "2023-11-01.18.0" } },
});
export type StorageAccountType = Static<typeof StorageAccountType>;

export const SecurityEncryptionTypes = StringEnum(["NonPersistedTPM", "VMGuestStateOnly", "DiskWithVMGuestState"], {
  lifespans: { DiskWithVMGuestState: { since: "2025-06-01" } },
});
export type SecurityEncryptionTypes = Static<typeof SecurityEncryptionTypes>;

export const DiskEncryptionSetParameters = model("DiskEncryptionSetParameters", "A set of keys for disks.", {
  id: optional(Type.String(), "Management-plane id."),
});

export const VMDiskSecurityProfile = model(
  "VMDiskSecurityProfile",
  "What a confidential machine encrypts of its disk.",
  {
    securityEncryptionType: optional(SecurityEncryptionTypes),
    diskEncryptionSet: optional(
      addition(since("2025-06-01", DiskEncryptionSetParameters)),
      "Clients of the management plane have it, those of the data plane not yet.",
    ),
  },
);

export const ManagedDisk = model("ManagedDisk", "How a disk is stored.", {
  storageAccountType: optional(StorageAccountType),
  securityProfile: optional(since("2024-07-01.20.0", VMDiskSecurityProfile)),
  diskEncryptionSet: optional(since("2025-06-01", DiskEncryptionSetParameters)),
});
export type ManagedDisk = Static<typeof ManagedDisk>;

export const DataDisk = model("DataDisk", "An empty disk attached to each node.", {
  lun: required(Int32({ minimum: 0, maximum: 63 }), "Its number on the machine; each disk needs its own."),
  caching: optional(CachingType),
  diskSizeGB: Int32({ minimum: 1 }),
  storageAccountType: optional(until("2025-06-01", StorageAccountType)),
  managedDisk: optional(since("2025-06-01", ManagedDisk)),
});
export type DataDisk = Static<typeof DataDisk>;

export const DiffDiskPlacement = StringEnum(["cachedisk"]);
export type DiffDiskPlacement = Static<typeof DiffDiskPlacement>;

export const DiffDiskSettings = model("DiffDiskSettings", "Keeps the system disk on the host instead of in storage.", {
  placement: optional(DiffDiskPlacement),
});

export const OSDisk = model("OSDisk", "The system disk of each node.", {
  ephemeralOSDiskSettings: optional(DiffDiskSettings),
  caching: optional(since("2023-11-01.18.0", CachingType)),
  diskSizeGB: optional(since("2023-11-01.18.0", Int32({ minimum: 1 }))),
  managedDisk: optional(since("2023-11-01.18.0", ManagedDisk)),
  writeAcceleratorEnabled: optional(since("2023-11-01.18.0", Type.Boolean())),
});
export type OSDisk = Static<typeof OSDisk>;

export const DiskEncryptionTarget = StringEnum(["osdisk", "temporarydisk"]);
export type DiskEncryptionTarget = Static<typeof DiskEncryptionTarget>;

export const BatchPoolIdentityReference = model("BatchPoolIdentityReference", "A managed identity of the pool.", {
  resourceId: optional(Type.String(), "Management-plane id of the identity."),
});

export const DiskCustomerManagedKey = model("DiskCustomerManagedKey", "A key of the customer's own for the disks.", {
  identityReference: optional(BatchPoolIdentityReference),
  keyUrl: optional(Type.String()),
  rotationToLatestKeyVersionEnabled: optional(Type.Boolean()),
});

export const DiskEncryptionConfiguration = model(
  "DiskEncryptionConfiguration",
  "Which disks of a node are encrypted.",
  {
    targets: optional(Type.Array(DiskEncryptionTarget)),
    customerManagedKey: optional(since("2025-06-01", DiskCustomerManagedKey)),
  },
);
export type DiskEncryptionConfiguration = Static<typeof DiskEncryptionConfiguration>;
