import { once } from "node:events";
import { createServer } from "node:http";
import { createLog } from "@kyanite/runtime";
import { parseConnectionString } from "@kyanite/storage";
import { describe, expect, test } from "vitest";
import { isAz, relayedUrl, uploadRelay } from "./upload-relay.ts";

describe("the URL that az gets for an upload", () => {
  const origin = "https://127.0.0.1:10443";

  test.each([
    ["http://127.0.0.1:10000/kyanite/app-1/tool/1.zip?sig=a%2Fb", "/kyanite/app-1/tool/1.zip?sig=a%2Fb"],
    ["http://kyanite.blob.localhost:10000/app-1/tool/1.zip?sig=x", "/app-1/tool/1.zip?sig=x"],
  ])("leads through this server to %s", (url, rest) => {
    expect(relayedUrl(origin, "kyanite", url)).toBe(
      `https://kyanite.blob.core.@127.0.0.1:10443/uploads/kyanite${rest}`,
    );
  });

  test("is the blob's own where az can go there", () => {
    const url = "https://mine.blob.core.windows.net/app-1/tool/1.zip?sig=x";
    expect(relayedUrl(origin, "mine", url)).toBe(url);
  });
});

test("what a user sends with `az rest` is not az itself", () => {
  expect(isAz("AZURECLI/2.45.0 (DEB) azsdk-python-mgmt-batch/16.2.0 Python/3.11.2")).toBe(true);
  expect(isAz("python/3.11.2 (Linux-6.1) AZURECLI/2.45.0 (DEB)")).toBe(false);
});

test("who uploads while the storage is away is told so, however much there is to send", async () => {
  const away = parseConnectionString(
    "AccountName=away;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:1/away;DefaultEndpointsProtocol=http",
  );
  const relay = uploadRelay([away], createLog("silent"));
  const server = createServer((request, response) => void relay(request, response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const body = new Uint8Array(8 * 1024 * 1024);
  const { status } = await fetch(`http://127.0.0.1:${port}/uploads/away/blob?sig=x`, { method: "PUT", body });
  server.closeAllConnections();
  server.close();
  expect(status).toBe(502);
});
