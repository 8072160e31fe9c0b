import { createHmac } from "node:crypto";
import { createRequire } from "node:module";
import { BlobServiceClient, ContainerSASPermissions, generateBlobSASQueryParameters } from "@azure/storage-blob";
import { createLog, systemClock } from "@kyanite/runtime";
import { expect, test } from "vitest";
import { createContainer } from "../src/containers.ts";
import { startEmbeddedStorage } from "../src/embedded.ts";
import { clean, temporaryDirectory } from "./temporary.ts";

const azurite: { readonly USERDELEGATIONKEY_BASIC_KEY: string } = createRequire(import.meta.url)(
  "azurite/dist/src/blob/utils/constants.js",
);

test("a signature with the delegation key that everybody knows from Azurite's source opens nothing", async () => {
  const storage = await startEmbeddedStorage({
    directory: await temporaryDirectory(),
    environment: {},
    clock: systemClock,
    log: createLog("silent"),
  });
  clean.push(() => storage.stop());
  const { account } = storage;
  await createContainer(account, "files");
  const signedStartsOn = new Date(systemClock.now().getTime() - 60_000);
  const expiresOn = new Date(systemClock.now().getTime() + 3_600_000);
  const inSeconds = (time: Date) => time.toISOString().replace(/\.\d+Z/, "Z");
  const [objectId, tenant, version] = ["3f1c7c58-9d0e-4a51-8f0e-0a7e4ff3b6d1", "adfs", "2025-11-05"];
  const text = [objectId, tenant, inSeconds(signedStartsOn), inSeconds(expiresOn), "b", version].join("\n");
  const sas = generateBlobSASQueryParameters(
    { containerName: "files", permissions: ContainerSASPermissions.parse("rwl"), expiresOn, version: "2024-11-04" },
    {
      signedObjectId: objectId,
      signedTenantId: tenant,
      signedStartsOn,
      signedExpiresOn: expiresOn,
      signedService: "b",
      signedVersion: version,
      value: createHmac("sha256", azurite.USERDELEGATIONKEY_BASIC_KEY).update(text).digest("base64"),
    },
    account.accountName,
  );
  const container = new BlobServiceClient(`${account.blobEndpoint}?${sas}`).getContainerClient("files");
  await expect(container.uploadBlockBlob("a.txt", "text", 4)).rejects.toMatchObject({ statusCode: 403 });
  await expect(container.listBlobsFlat().next()).rejects.toMatchObject({ statusCode: 403 });
});
