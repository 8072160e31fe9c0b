import { expect, test } from "vitest";
import { redirectedNames } from "./names.ts";

const bundled = { storageAccount: "mystore", blobHttpsEndpoint: "https://localhost:10001/mystore" };

test("accounts have a name in each region, and what the storage has not is refused", () => {
  const names = redirectedNames(bundled, ["one", "two"]);
  for (const name of ["one.westeurope.batch.azure.com", "two.eastus.batch.azure.com", "management.azure.com"])
    expect(names.get(name)).toBe("server");
  expect(names.get("mystore.blob.core.windows.net")).toBe("storage");
  expect(names.get("mystore.queue.core.windows.net")).toBe("nobody");
  expect(names.has("other.blob.core.windows.net")).toBe(false);
});

test("a storage account of somebody else's stays where it is", () => {
  for (const blobHttpsEndpoint of ["", "https://mystore.blob.core.windows.net"])
    expect([...redirectedNames({ ...bundled, blobHttpsEndpoint }, ["one"]).keys()].join()).not.toContain("mystore");
});
