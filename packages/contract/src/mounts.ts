import Type, { type Static } from "typebox";
import { ComputeNodeIdentityReference } from "./containers.ts";
import { model, optional, required, secret } from "./schema.ts";

const relativeMountPath = required(Type.String({ minLength: 1 }), "Directory below the node's mounts directory.");

export const AzureBlobFileSystemConfiguration = model("AzureBlobFileSystemConfiguration", "A blob container.", {
  accountName: Type.String(),
  containerName: Type.String(),
  accountKey: optional(secret(Type.String()), "One of key, signature and identity is needed."),
  sasKey: optional(secret(Type.String())),
  blobfuseOptions: optional(Type.String()),
  relativeMountPath,
  identityReference: optional(ComputeNodeIdentityReference),
});

export const NFSMountConfiguration = model("NFSMountConfiguration", "An NFS export.", {
  source: Type.String(),
  relativeMountPath,
  mountOptions: optional(Type.String()),
});

export const CIFSMountConfiguration = model("CIFSMountConfiguration", "An SMB share.", {
  username: Type.String(),
  source: Type.String(),
  relativeMountPath,
  mountOptions: optional(Type.String()),
  password: secret(Type.String()),
});

export const AzureFileShareConfiguration = model("AzureFileShareConfiguration", "A share of Azure Files.", {
  accountName: Type.String(),
  azureFileUrl: Type.String(),
  accountKey: secret(Type.String()),
  relativeMountPath,
  mountOptions: optional(Type.String()),
});

export const MountConfiguration = model(
  "MountConfiguration",
  "A file system of exactly one kind, mounted on each node.",
  {
    azureBlobFileSystemConfiguration: optional(AzureBlobFileSystemConfiguration),
    nfsMountConfiguration: optional(NFSMountConfiguration),
    cifsMountConfiguration: optional(CIFSMountConfiguration),
    azureFileShareConfiguration: optional(AzureFileShareConfiguration),
  },
);
export type MountConfiguration = Static<typeof MountConfiguration>;
