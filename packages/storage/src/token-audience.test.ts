import { expect, test } from "vitest";
import { isForStorage } from "./token-audience.ts";

const isForMine = (audience: unknown) => isForStorage(audience, ["mystore"]);

test("a token is for storage as a whole, or for one account by its name in the cloud", () => {
  for (const name of [
    "https://storage.azure.com",
    "https://Storage.Azure.com",
    "https://mystore.blob.core.windows.net",
  ])
    for (const end of ["", "/", "//", ":443", ":443/"]) expect(isForMine(name + end)).toBe(true);
  expect(isForMine("e406a681-f3d4-42a8-90b6-c2b029497af1")).toBe(true);
  expect(isForMine(["x", "https://storage.azure.com/"])).toBe(true);
});

test.each([
  "https://batch.core.windows.net/",
  "https://management.azure.com/",
  "https://other.blob.core.windows.net/",
  "https://mystore.queue.core.windows.net/",
  "https://storage.azure.com.example/",
  "https://storage.azure.com:8443/",
  "http://storage.azure.com/",
  "",
  undefined,
  {},
])("a token for %j is for something else", (audience) => {
  expect(isForMine(audience)).toBe(false);
});
