import { expect, test } from "vitest";
import { accountOfHost, certificateNames } from "./host-names.ts";

test.each([
  ["other.localhost", "other"],
  ["other.eastus.localhost", "other"],
  ["Other.EastUS.localhost:10443", "other"],
  ["other.batch.example.org", "other"],
  ["other.westeurope.batch.example.org:1", "other"],
  ["other.eastus.batch.azure.com", "other"],
  ["localhost", undefined],
  ["localhost:10443", undefined],
  ["batch.example.org", undefined],
  ["management.azure.com", undefined],
  ["127.0.0.1:10443", undefined],
  ["[::1]:10443", undefined],
  ["other.example.org", undefined],
  ["a.b.c.localhost", undefined],
])("%s names the account %s", (host, account) => {
  expect(accountOfHost(host, ["localhost", "batch.example.org"])).toBe(account);
});

test("a certificate is good for each account under each form of its name", () => {
  const reach = { domains: ["localhost", "batch.example.org"], addresses: ["127.0.0.1"] };
  const names = certificateNames(reach, [
    { name: "local", location: "local" },
    { name: "other", location: "my region" },
  ]);
  for (const name of [
    "localhost",
    "other.localhost",
    "*.eastus.localhost",
    "*.local.localhost",
    "*.blob.localhost",
    "*.blob.core.localhost",
  ])
    expect(names).toContain(name);
  for (const name of ["*.batch.example.org", "*.westus2.batch.example.org", "*.blob.batch.example.org", "127.0.0.1"])
    expect(names).toContain(name);
  expect(names.filter((name) => name.includes(" "))).toEqual([]);
});
