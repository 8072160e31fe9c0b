import type { BatchManagementClient } from "@azure/arm-batch";
import { BlockBlobClient } from "@azure/storage-blob";
import { firstGroup, zip } from "@kyanite/testkit";
import { applicationId } from "./cases.ts";

/** Makes the application that the cases name, with an active version 1, whose only file holds the display name. */
export async function addApplication(
  { applicationOperations, applicationPackageOperations }: BatchManagementClient,
  accountName: string,
  displayName: string,
): Promise<void> {
  const path = [firstGroup.resourceGroup, accountName, applicationId] as const;
  await applicationOperations.create(...path, { parameters: { displayName } });
  const { storageUrl } = await applicationPackageOperations.create(...path, "1");
  await new BlockBlobClient(storageUrl ?? "").uploadData(zip([{ name: "data", content: displayName }]));
  await applicationPackageOperations.activate(...path, "1", { format: "zip" });
}
