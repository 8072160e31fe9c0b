import {
  type BatchAccountCreateParameters,
  type BatchAccountUpdateParameters,
  ManagementError,
} from "@kyanite/contract";

/** Names of accounts are in lower case, as in Azure. */
export const isAccountName = (name: string) => /^[a-z0-9]{3,24}$/.test(name);

type Properties = NonNullable<BatchAccountCreateParameters["properties"]>;
type Spec = Pick<BatchAccountCreateParameters, "identity" | "properties">;

/**
 * Refuses settings of an account that only work within Azure.
 * @throws ManagementError OperationNotSupported with the property
 */
export function checkAccount({ identity, properties = {} }: Spec): void {
  const refuse = (target: string, reason: string) => {
    throw new ManagementError("OperationNotSupported", reason, target);
  };
  if (identity && identity.type !== "None") refuse("identity", "Managed identities are not supported.");
  if (properties.poolAllocationMode === "UserSubscription")
    refuse("properties.poolAllocationMode", "Pools are allocated by the service only.");
  if (properties.keyVaultReference) refuse("properties.keyVaultReference", "Key vaults are not supported.");
  if (properties.encryption?.keySource === "Microsoft.KeyVault")
    refuse("properties.encryption.keySource", "Key vaults are not supported.");
  if (properties.autoStorage?.authenticationMode === "BatchAccountManagedIdentity")
    refuse("properties.autoStorage.authenticationMode", "Storage is reached with its keys.");
  if (properties.autoStorage?.nodeIdentityReference)
    refuse("properties.autoStorage.nodeIdentityReference", "Managed identities are not supported.");
  if ((properties.publicNetworkAccess ?? "Enabled") !== "Enabled")
    refuse("properties.publicNetworkAccess", "The network is that of the machine the service runs on.");
  for (const name of ["accountAccess", "nodeManagementAccess"] as const)
    if (restricts(properties.networkProfile?.[name]))
      refuse(`properties.networkProfile.${name}`, "The network is that of the machine the service runs on.");
}

function restricts(profile: NonNullable<Properties["networkProfile"]>["accountAccess"]): boolean {
  return profile !== undefined && (profile.defaultAction === "Deny" || (profile.ipRules ?? []).length > 0);
}

/** The name at the end of a storage account's resource id; undefined when none is given. */
export function storageAccountName(properties: Pick<Properties, "autoStorage"> | undefined): string | undefined {
  return properties?.autoStorage?.storageAccountId.split("/").at(-1);
}

/** What an account is after a change: properties that are not given stay, tags are replaced as a whole. */
export function changedSpec(
  spec: BatchAccountCreateParameters,
  { tags, identity, properties }: BatchAccountUpdateParameters,
): BatchAccountCreateParameters {
  return {
    ...spec,
    ...(tags ? { tags } : {}),
    ...(identity ? { identity } : {}),
    properties: { ...spec.properties, ...properties },
  };
}
