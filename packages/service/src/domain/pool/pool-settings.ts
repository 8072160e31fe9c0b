import { invalidProperty, type PoolAddParameter } from "@kyanite/contract";
import { checkInboundEndpoints } from "./inbound-endpoints.ts";
import { checkMounts } from "./mounts.ts";
import { checkUserAccounts } from "./user-accounts.ts";

/**
 * Rules between the properties that describe a pool's machines, network and upgrades.
 * @throws BatchError with the property and the rule it breaks
 */
export function checkPoolSettings(pool: Omit<PoolAddParameter, "id">): void {
  checkWindowsSettings(pool);
  checkUpgradePolicy(pool);
  checkPublicAddresses(pool);
  checkInboundEndpoints(pool.networkConfiguration?.endpointConfiguration?.inboundNATPools ?? []);
  checkDataDisks(pool);
  checkMounts(pool.mountConfiguration);
  checkUserAccounts(pool.userAccounts);
}

type Settings = Omit<PoolAddParameter, "id">;

/** There are no Windows images here, so settings that only Windows has are refused. */
function checkWindowsSettings({ virtualMachineConfiguration }: Settings): void {
  const { windowsConfiguration, licenseType } = virtualMachineConfiguration ?? {};
  for (const [name, value] of Object.entries({ windowsConfiguration, licenseType }))
    if (value !== undefined)
      throw invalidProperty(`virtualMachineConfiguration.${name}`, value, "Goes with an image with Windows only");
}

function checkUpgradePolicy({ upgradePolicy, virtualMachineConfiguration }: Settings): void {
  const { automaticOSUpgradePolicy: automatic, rollingUpgradePolicy: rolling } = upgradePolicy ?? {};
  const { maxBatchInstancePercent: batch, maxUnhealthyInstancePercent: unhealthy } = rolling ?? {};
  if (batch !== undefined && unhealthy !== undefined && batch > unhealthy)
    throw invalidProperty(
      "upgradePolicy.rollingUpgradePolicy.maxBatchInstancePercent",
      batch,
      "May not be above maxUnhealthyInstancePercent",
    );
  const placement = virtualMachineConfiguration?.nodePlacementConfiguration?.policy;
  if (rolling?.enableCrossZoneUpgrade && placement !== "Zonal")
    throw invalidProperty(
      "upgradePolicy.rollingUpgradePolicy.enableCrossZoneUpgrade",
      true,
      "Goes with nodePlacementConfiguration.policy zonal only",
    );
  const version = virtualMachineConfiguration?.imageReference.version ?? "latest";
  if (automatic?.enableAutomaticOSUpgrade && version.toLowerCase() !== "latest")
    throw invalidProperty(
      "upgradePolicy.automaticOSUpgradePolicy.enableAutomaticOSUpgrade",
      true,
      "Goes with an image whose version is latest",
    );
}

function checkDataDisks({ virtualMachineConfiguration }: Settings): void {
  const numbers = (virtualMachineConfiguration?.dataDisks ?? []).map(({ lun }) => lun);
  const repeated = numbers.findIndex((lun, index) => numbers.indexOf(lun) !== index);
  if (repeated !== -1)
    throw invalidProperty(
      `virtualMachineConfiguration.dataDisks[${repeated}].lun`,
      numbers[repeated],
      "Each disk needs a number of its own",
    );
}

function checkPublicAddresses({ networkConfiguration }: Settings): void {
  const { provision, ipAddressIds = [] } = networkConfiguration?.publicIPAddressConfiguration ?? {};
  if (provision !== "UserManaged" && ipAddressIds.length > 0)
    throw invalidProperty(
      "networkConfiguration.publicIPAddressConfiguration.ipAddressIds",
      ipAddressIds.join(","),
      "Addresses go with provision usermanaged only",
    );
  if (provision === "NoPublicIPAddresses" && networkConfiguration?.endpointConfiguration)
    throw invalidProperty(
      "networkConfiguration.endpointConfiguration",
      undefined,
      "A pool without public addresses has no inbound endpoints",
    );
}
