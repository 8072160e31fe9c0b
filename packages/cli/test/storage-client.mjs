// A program as they are published: it signs in with what the environment says, and tells how each request ended.
import { DefaultAzureCredential } from "@azure/identity";
import {
  BlobSASPermissions,
  BlobServiceClient,
  ContainerSASPermissions,
  generateBlobSASQueryParameters,
} from "@azure/storage-blob";

const [account, url, containerName] = process.argv.slice(2);
const credential = new DefaultAzureCredential({ disableInstanceDiscovery: true });
const service = new BlobServiceClient(url, credential);
const container = service.getContainerClient(containerName);
const outcomes = {};
const attempt = async (name, act) => {
  outcomes[name] = await act().then(
    (value) => value,
    ({ statusCode, code, message }) => (statusCode ? `${statusCode} ${code}` : message),
  );
};
const text = async (blob) => (await blob.downloadToBuffer()).toString();

await attempt("create", async () => (await container.create())._response.status);
await attempt("write", async () => (await container.uploadBlockBlob("a.txt", "text", 4)).response._response.status);
await attempt("read", () => text(container.getBlobClient("shared.txt")));
await attempt("list", async () => {
  const names = [];
  for await (const { name } of container.listBlobsFlat()) names.push(name);
  return names;
});
await attempt("makePublic", async () => {
  return (await service.getContainerClient(`${containerName}-public`).create({ access: "container" }))._response.status;
});
await attempt("policies", async () => (await container.getAccessPolicy())._response.status);
await attempt("signed", async () => {
  const [startsOn, expiresOn] = [-60_000, 3_600_000].map((more) => new Date(Date.now() + more));
  const key = await service.getUserDelegationKey(startsOn, expiresOn);
  const sign = (permissions, more = {}) =>
    generateBlobSASQueryParameters({ containerName, permissions, startsOn, expiresOn, ...more }, key, account);
  const blobName = "shared.txt";
  const reading = sign(BlobSASPermissions.parse("r"), { blobName });
  const writing = sign(ContainerSASPermissions.parse("rcw"));
  outcomes.signature = String(reading);
  const by = (query) => new BlobServiceClient(`${url}?${query}`).getContainerClient(containerName);
  await attempt("signedWrite", async () => {
    return (await by(writing).uploadBlockBlob("b.txt", "text", 4)).response._response.status;
  });
  return text(by(reading).getBlobClient(blobName));
});
await attempt("batch", async () => {
  const { subResponses } = await service
    .getBlobBatchClient()
    .deleteBlobs([container.getBlobClient("a.txt").url], credential);
  return subResponses.map(({ status, errorCode }) => (errorCode ? `${status} ${errorCode}` : status));
});
console.log(JSON.stringify(outcomes));
