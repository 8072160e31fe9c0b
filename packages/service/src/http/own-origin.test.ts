import { expect, test } from "vitest";
import { ownOrigins } from "./own-origin.ts";

const listening = { httpUrl: "http://127.0.0.1:10000", httpsUrl: "https://localhost:10443" };

test.each([
  ["127.0.0.1", "https://localhost:10443", true],
  ["127.0.0.1", "http://127.0.0.1:10000", true],
  ["127.0.0.1", "https://account.LOCALHOST:10443", true],
  ["::", "https://[::1]:10443", true],
  ["batch.example", "https://batch.example:10443", true],
  ["127.0.0.1", "https://batch.example:10443", false],
  ["127.0.0.1", "https://localhost:8443", false],
  ["127.0.0.1", "https://localhost", false],
  ["127.0.0.1", "https://localhost:10443/pools", false],
  ["127.0.0.1", "ftp://localhost:10443", false],
  ["127.0.0.1", "https://localhost:10443@evil.example", false],
  ["127.0.0.1", "nonsense", false],
])("of a server on %s the origin %s is its own: %s", (host, text, expected) => {
  expect(ownOrigins({ host }, () => listening)(text)).toBe(expected);
});

test("behind the usual ports none is named", () => {
  const usual = { httpUrl: "http://127.0.0.1:80", httpsUrl: "https://localhost:443" };
  expect(ownOrigins({ host: "127.0.0.1" }, () => usual)("https://localhost")).toBe(true);
  expect(ownOrigins({ host: "127.0.0.1" }, () => usual)("http://localhost")).toBe(true);
});

test("the public URL is its own, whatever is in between", () => {
  const isOwn = ownOrigins({ host: "127.0.0.1", publicUrl: "https://Batch.Example/" }, () => listening);
  expect(["https://batch.example", "https://BATCH.example", "http://batch.example"].map(isOwn)).toEqual([
    true,
    true,
    false,
  ]);
});
