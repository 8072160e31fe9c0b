import { describe, expect, test } from "vitest";
import { isAz, relayedUrl } from "./upload-relay.ts";

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
