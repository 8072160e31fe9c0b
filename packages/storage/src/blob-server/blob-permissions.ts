import { type StorageRole, storageRoles } from "../trust.ts";

/** The operations of the blob service, in Azurite's names, by the weakest role that may call them. */
const operations: Readonly<Record<StorageRole, readonly string[]>> = {
  reader: [
    "Service_GetProperties",
    "Service_GetStatistics",
    "Service_ListContainersSegment",
    "Service_GetUserDelegationKey",
    "Service_GetAccountInfo",
    "Service_GetAccountInfoWithHead",
    "Service_FilterBlobs",
    "Container_GetProperties",
    "Container_GetPropertiesWithHead",
    "Container_FilterBlobs",
    "Container_ListBlobFlatSegment",
    "Container_ListBlobHierarchySegment",
    "Container_GetAccountInfo",
    "Container_GetAccountInfoWithHead",
    "Blob_Download",
    "Blob_GetProperties",
    "Blob_GetAccountInfo",
    "Blob_GetAccountInfoWithHead",
    "Blob_Query",
    "Blob_GetTags",
    "PageBlob_GetPageRanges",
    "PageBlob_GetPageRangesDiff",
    "BlockBlob_GetBlockList",
    // Each request within a batch is looked at by itself.
    "Service_SubmitBatch",
    "Container_SubmitBatch",
  ],
  contributor: [
    "Container_Create",
    "Container_Delete",
    "Container_SetMetadata",
    "Container_Restore",
    "Container_AcquireLease",
    "Container_ReleaseLease",
    "Container_RenewLease",
    "Container_BreakLease",
    "Container_ChangeLease",
    "Blob_Delete",
    "Blob_Undelete",
    "Blob_SetExpiry",
    "Blob_SetHTTPHeaders",
    "Blob_SetMetadata",
    "Blob_AcquireLease",
    "Blob_ReleaseLease",
    "Blob_RenewLease",
    "Blob_ChangeLease",
    "Blob_BreakLease",
    "Blob_CreateSnapshot",
    "Blob_StartCopyFromURL",
    "Blob_CopyFromURL",
    "Blob_AbortCopyFromURL",
    "Blob_SetTier",
    "Blob_SetTags",
    "PageBlob_Create",
    "PageBlob_UploadPages",
    "PageBlob_ClearPages",
    "PageBlob_UploadPagesFromURL",
    "PageBlob_Resize",
    "PageBlob_UpdateSequenceNumber",
    "PageBlob_CopyIncremental",
    "AppendBlob_Create",
    "AppendBlob_AppendBlock",
    "AppendBlob_AppendBlockFromUrl",
    "AppendBlob_Seal",
    "BlockBlob_Upload",
    "BlockBlob_PutBlobFromUrl",
    "BlockBlob_StageBlock",
    "BlockBlob_StageBlockFromURL",
    "BlockBlob_CommitBlockList",
  ],
  owner: [
    "Service_SetProperties",
    "Container_GetAccessPolicy",
    "Container_SetAccessPolicy",
    "Blob_SetImmutabilityPolicy",
    "Blob_DeleteImmutabilityPolicy",
    "Blob_SetLegalHold",
  ],
};

/** The weakest role that may call each operation. */
export const roleNeeded: ReadonlyMap<string, StorageRole> = new Map(
  storageRoles.flatMap((role) => operations[role].map((operation) => [operation, role])),
);

export interface Asked {
  readonly operation: string;
  /** Whether it lets everybody read a container. */
  readonly makesPublic: boolean;
}

/** Whether a role may do what is asked; what is not known is for nobody. */
export function mayCall(role: StorageRole, { operation, makesPublic }: Asked): boolean {
  const needed = roleNeeded.get(operation);
  if (needed === undefined) return false;
  return storageRoles.indexOf(makesPublic ? "owner" : needed) <= storageRoles.indexOf(role);
}
