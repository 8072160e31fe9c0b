import Type, { type Static } from "typebox";
import { DateTime, Int32, model, optional, readOnly, StringEnum } from "../schema.ts";
import { managed, paths } from "./operation.ts";
import { tags } from "./resource.ts";

export const AuthenticationMode = StringEnum(["SharedKey", "AAD", "TaskAuthenticationToken"]);
export type AuthenticationMode = Static<typeof AuthenticationMode>;

const PoolAllocationMode = StringEnum(["BatchService", "UserSubscription"]);
const PublicNetworkAccess = StringEnum(["Enabled", "Disabled", "SecuredByPerimeter"]);
const ProvisioningState = StringEnum(["Invalid", "Creating", "Deleting", "Succeeded", "Failed", "Cancelled"]);

const AutoStorage = model("AutoStorageBaseProperties", "The storage account that is linked with a Batch account.", {
  storageAccountId: Type.String({ pattern: "/storageAccounts/[^/]+$" }),
  authenticationMode: optional(StringEnum(["StorageKeys", "BatchAccountManagedIdentity"])),
  nodeIdentityReference: optional(
    model("ComputeNodeIdentityReference", "An identity of nodes.", { resourceId: optional(Type.String()) }),
  ),
});

const KeyVaultReference = model("KeyVaultReference", "The key vault of an account that allocates pools itself.", {
  id: Type.String(),
  url: Type.String(),
});

const EndpointAccessProfile = model("EndpointAccessProfile", "From which addresses an endpoint can be reached.", {
  defaultAction: StringEnum(["Allow", "Deny"]),
  ipRules: optional(
    Type.Array(
      model("IPRule", "An address, or a block of addresses.", {
        action: optional(StringEnum(["Allow"])),
        value: Type.String(),
      }),
    ),
  ),
});

const NetworkProfile = model("NetworkProfile", "From where the account and its nodes' service can be reached.", {
  accountAccess: optional(EndpointAccessProfile),
  nodeManagementAccess: optional(EndpointAccessProfile),
});

const Encryption = model("EncryptionProperties", "With whose keys the account's data is encrypted.", {
  keySource: optional(StringEnum(["Microsoft.Batch", "Microsoft.KeyVault"])),
  keyVaultProperties: optional(
    model("KeyVaultProperties", "Which key of a key vault.", { keyIdentifier: optional(Type.String()) }),
  ),
});

const Identity = model("BatchAccountIdentity", "The identities of an account.", {
  principalId: optional(readOnly(Type.String())),
  tenantId: optional(readOnly(Type.String())),
  type: StringEnum(["SystemAssigned", "UserAssigned", "None"]),
  userAssignedIdentities: optional(Type.Record(Type.String(), Type.Unknown())),
});

const changeable = {
  autoStorage: optional(AutoStorage),
  publicNetworkAccess: optional(PublicNetworkAccess),
  networkProfile: optional(NetworkProfile),
  encryption: optional(Encryption),
  allowedAuthenticationModes: optional(Type.Array(AuthenticationMode)),
};

export const BatchAccountCreateParameters = model("BatchAccountCreateParameters", "An account to be made.", {
  location: Type.String({ minLength: 1 }),
  tags: optional(tags()),
  identity: optional(Identity),
  properties: optional(
    model("BatchAccountCreateProperties", "What an account is made with.", {
      ...changeable,
      poolAllocationMode: optional(PoolAllocationMode),
      keyVaultReference: optional(KeyVaultReference),
    }),
  ),
});
export type BatchAccountCreateParameters = Static<typeof BatchAccountCreateParameters>;

export const BatchAccountUpdateParameters = model("BatchAccountUpdateParameters", "What is to change in an account.", {
  tags: optional(tags()),
  identity: optional(Identity),
  properties: optional(model("BatchAccountUpdateProperties", "What may change in an account.", changeable)),
});
export type BatchAccountUpdateParameters = Static<typeof BatchAccountUpdateParameters>;

export const BatchAccount = model("BatchAccount", "A Batch account.", {
  id: Type.String(),
  name: Type.String(),
  type: Type.String(),
  location: Type.String(),
  tags: optional(tags()),
  identity: Identity,
  properties: model("BatchAccountProperties", "The facts of an account.", {
    ...changeable,
    accountEndpoint: Type.String(),
    nodeManagementEndpoint: Type.String(),
    provisioningState: ProvisioningState,
    poolAllocationMode: PoolAllocationMode,
    keyVaultReference: optional(KeyVaultReference),
    privateEndpointConnections: Type.Array(Type.Unknown()),
    autoStorage: optional(
      model("AutoStorageProperties", "The linked storage account, and when its keys were last taken over.", {
        ...AutoStorage.properties,
        lastKeySync: DateTime(),
      }),
    ),
    dedicatedCoreQuota: Int32(),
    lowPriorityCoreQuota: Int32(),
    dedicatedCoreQuotaPerVMFamily: Type.Array(
      model("VirtualMachineFamilyCoreQuota", "How many cores of a family there may be.", {
        name: optional(Type.String()),
        coreQuota: optional(Int32()),
      }),
    ),
    dedicatedCoreQuotaPerVMFamilyEnforced: Type.Boolean(),
    poolQuota: Int32(),
    activeJobAndJobScheduleQuota: Int32(),
  }),
});
export type BatchAccount = Static<typeof BatchAccount>;

const AccountKeyType = StringEnum(["Primary", "Secondary"]);

const BatchAccountKeys = model("BatchAccountKeys", "The two keys of an account; either signs.", {
  accountName: Type.String(),
  primary: Type.String(),
  secondary: Type.String(),
});

export const accountOperations = {
  BatchAccount_Create: managed({
    summary: "Makes an account",
    method: "PUT",
    path: paths.account,
    access: "own",
    accountOptional: true,
    body: BatchAccountCreateParameters,
    status: 200,
    response: BatchAccount,
  }),
  BatchAccount_Update: managed({
    summary: "Changes the given properties of an account",
    method: "PATCH",
    path: paths.account,
    access: "own",
    body: BatchAccountUpdateParameters,
    status: 200,
    response: BatchAccount,
  }),
  BatchAccount_Delete: managed({
    summary: "Deletes an account with everything in it, in the background",
    method: "DELETE",
    path: paths.account,
    access: "own",
    accountOptional: true,
    status: 202,
  }),
  BatchAccount_GetOperationResult: managed({
    summary: "Tells whether what a client has begun has come to its end",
    method: "GET",
    path: `${paths.account}/operationResults/{operationId}`,
    access: "read",
    accountOptional: true,
    status: 204,
  }),
  BatchAccount_Get: managed({
    summary: "Gets an account",
    method: "GET",
    path: paths.account,
    access: "read",
    status: 200,
    response: BatchAccount,
  }),
  BatchAccount_List: managed({
    summary: "Lists the accounts of a subscription",
    method: "GET",
    path: `${paths.inSubscription}/batchAccounts`,
    access: "read",
    status: 200,
    response: BatchAccount,
    shape: "list",
  }),
  BatchAccount_ListByResourceGroup: managed({
    summary: "Lists the accounts of a resource group",
    method: "GET",
    path: paths.accountsInGroup,
    access: "read",
    status: 200,
    response: BatchAccount,
    shape: "list",
  }),
  BatchAccount_SynchronizeAutoStorageKeys: managed({
    summary: "Takes over the keys that the linked storage account has now",
    method: "POST",
    path: `${paths.account}/syncAutoStorageKeys`,
    access: "own",
    status: 204,
  }),
  BatchAccount_RegenerateKey: managed({
    summary: "Replaces a key at once",
    method: "POST",
    path: `${paths.account}/regenerateKeys`,
    access: "own",
    body: model("BatchAccountRegenerateKeyParameters", "Which key to replace.", { keyName: AccountKeyType }),
    status: 200,
    response: BatchAccountKeys,
  }),
  BatchAccount_GetKeys: managed({
    summary: "Gets the keys of an account",
    method: "POST",
    path: `${paths.account}/listKeys`,
    access: "own",
    status: 200,
    response: BatchAccountKeys,
  }),
};
