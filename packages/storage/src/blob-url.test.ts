import { expect, test } from "vitest";
import { blobUrl, withoutSecrets } from "./blob-url.ts";

test("a blob's address keeps the container's query and escapes the name", () => {
  expect(blobUrl("http://h/acc/c/?sig=a%2Bb", "d/é #1?.txt")).toBe("http://h/acc/c/d/%C3%A9%20%231%3F.txt?sig=a%2Bb");
});

test("an address is shown without its query, user and password", () => {
  expect(withoutSecrets("https://u:p@h/c/b?sig=secret#x")).toBe("https://h/c/b");
  expect(withoutSecrets("sig=secret")).toBe("(no web address)");
});
