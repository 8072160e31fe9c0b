// A program as they are published: its hosts are those of the cloud, and nothing in it knows of Kyanite.
import { ClientSecretCredential } from "@azure/identity";
import { BlobServiceClient, StorageSharedKeyCredential } from "@azure/storage-blob";

const { CLIENT_ID, CLIENT_SECRET, STORAGE_KEY } = process.env;
const credential = new ClientSecretCredential("72f988bf-86f1-41af-91ab-2d7cd011db47", CLIENT_ID, CLIENT_SECRET);
const get = async (url, scope) => {
  const { token } = await credential.getToken(scope);
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
  return [response.status, await response.json()];
};
const pools = await get(
  "https://mybatch.westeurope.batch.azure.com/pools?api-version=2024-07-01.20.0",
  "https://batch.core.windows.net/.default",
);
const subscriptions = await get(
  "https://management.azure.com/subscriptions?api-version=2022-12-01",
  "https://management.azure.com/.default",
);
const key = new StorageSharedKeyCredential("mystore", STORAGE_KEY);
const container = new BlobServiceClient("https://mystore.blob.core.windows.net", key).getContainerClient("files");
await container.createIfNotExists();
await container.uploadBlockBlob("a.txt", "text", 4);
const textBy = async (signIn) => {
  const service = new BlobServiceClient("https://mystore.blob.core.windows.net", signIn);
  return (await service.getContainerClient("files").getBlobClient("a.txt").downloadToBuffer()).toString();
};
const [blob, blobByToken] = [await textBy(key), await textBy(credential)];
const queue = await fetch("https://mystore.queue.core.windows.net/");
const other = await fetch("https://other.blob.core.windows.net/").then(
  () => "reached",
  () => "not reached",
);
const printed = {
  pools: [pools[0], pools[1].value, pools[1]["odata.metadata"]],
  subscriptions: subscriptions[0],
  blob,
  blobByToken,
  queue: [queue.status, await queue.text()],
  other,
};
console.log(JSON.stringify(printed));
