import { expect, test } from "vitest";
import { atOwnAddress, formatConnectionString, parseConnectionString, withAccountInHost } from "./account.ts";

test("the endpoint of a cloud account follows from its name", () => {
  expect(
    parseConnectionString("DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=a2V5==;EndpointSuffix=x.net"),
  ).toMatchObject({
    accountName: "acct",
    accountKey: "a2V5==",
    blobEndpoint: "https://acct.blob.x.net",
  });
});

test("the name of an account that is known by a signature follows from its endpoint", () => {
  const text = "BlobEndpoint=https://acct.blob.core.windows.net/;SharedAccessSignature=?sv=1&sig=abc%3D";
  const account = parseConnectionString(text);
  expect(account).toMatchObject({ accountName: "acct", sas: "sv=1&sig=abc%3D" });
  expect(account).not.toHaveProperty("accountKey");
});

test("the emulator's short form stands for its well-known account", () => {
  expect(parseConnectionString("UseDevelopmentStorage=true").blobEndpoint).toBe(
    "http://127.0.0.1:10000/devstoreaccount1",
  );
});

test("what is formatted is read back", () => {
  const text = formatConnectionString("kyanite", "a2V5", "http://127.0.0.1:7/kyanite");
  expect(parseConnectionString(text)).toEqual({
    accountName: "kyanite",
    accountKey: "a2V5",
    blobEndpoint: "http://127.0.0.1:7/kyanite",
    connectionString: text,
  });
});

test.each([
  ["", "has neither AccountName nor BlobEndpoint"],
  ["secret", "must be a list of NAME=VALUE"],
  ["AccountName=a", "has neither AccountKey nor SharedAccessSignature"],
  ["BlobEndpoint=nowhere;AccountKey=secret", "has a BlobEndpoint that is not"],
])("%j is refused by its rule, without repeating a secret", (text, rule) => {
  expect(() => parseConnectionString(text)).toThrow(rule);
  expect(() => parseConnectionString(text)).not.toThrow("secret");
});

test("the account moves from the path into the host for clients that look for it there", () => {
  const account = parseConnectionString(formatConnectionString("kyanite", "a2V5", "http://127.0.0.1:7/kyanite"));
  const moved = withAccountInHost(account);
  expect(moved.blobEndpoint).toBe("http://kyanite.blob.localhost:7");
  expect(parseConnectionString(moved.connectionString)).toEqual(moved);
  expect(withAccountInHost(moved)).toEqual(moved);
});

test("the name of an own account in Azure means the account here, and other URLs stay as they are", () => {
  const accounts = [
    { accountName: "kyanite", blobEndpoint: "http://127.0.0.1:7/kyanite" },
    { accountName: "cloud", blobEndpoint: "https://cloud.blob.core.windows.net" },
  ];
  const here = (url: string) => atOwnAddress(url, accounts);
  expect(here("https://kyanite.blob.core.windows.net/c/a%20b?sig=x")).toBe("http://127.0.0.1:7/kyanite/c/a%20b?sig=x");
  expect(here("https://KYANITE.blob.core.windows.net:443/c")).toBe("http://127.0.0.1:7/kyanite/c");
  for (const url of [
    "https://cloud.blob.core.windows.net/c",
    "https://other.blob.core.windows.net/c",
    "https://kyanite.blob.core.windows.net.example/c",
    "https://kyanite.blob.core.windows.net@example/c",
    "https://example/?u=https://kyanite.blob.core.windows.net/c",
    "http://127.0.0.1:7/kyanite/c",
  ])
    expect(here(url)).toBe(url);
});
