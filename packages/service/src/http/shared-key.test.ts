import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type SignedRequest, signingKey, stringsToSign } from "./shared-key.ts";

const key = Buffer.alloc(64, 7).toString("base64");
const sign = (text: string, secret = key) =>
  createHmac("sha256", Buffer.from(secret, "base64")).update(text).digest("base64");

const date = "Tue, 29 Jul 2025 21:49:13 GMT";
const aRequest = (more: Partial<SignedRequest> = {}): SignedRequest => ({
  method: "POST",
  target: "/jobs/j/enable?api-version=2025-06-01&timeOut=30",
  headers: { "ocp-date": date },
  ...more,
});

/** The text that a client signs, of the parts in which clients differ. */
const text = ({
  method = "POST",
  length = "",
  date: signedDate = "",
  canonicalHeaders = `ocp-date:${date}\n`,
  resource = "/acct/jobs/j/enable\napi-version:2025-06-01\ntimeOut:30",
  type = "",
} = {}) => `${method}\n\n\n${length}\n\n${type}\n${signedDate}\n\n\n\n\n\n${canonicalHeaders}${resource}`;

const accepts = (signed: string, request = aRequest()) => signingKey(request, "acct", [key], sign(signed)) === 0;

describe("a SharedKey signature is accepted", () => {
  test.each([["empty"], ["0"]])("whether the absent body's length is signed %s", (length) => {
    expect(accepts(text({ length: length === "empty" ? "" : length }))).toBe(true);
  });

  test("with the length of a body, and no other", () => {
    const request = aRequest({ headers: { "ocp-date": date, "content-length": "12" } });
    expect(accepts(text({ length: "12" }), request)).toBe(true);
    expect(accepts(text({ length: "0" }), request)).toBe(false);
    expect(accepts(text(), request)).toBe(false);
  });

  test("of a chunked body, whose length is signed empty", () => {
    expect(accepts(text(), aRequest({ headers: { "ocp-date": date, "transfer-encoding": "chunked" } }))).toBe(true);
  });

  test("whether Content-Length: 0 is signed as 0 or empty", () => {
    const request = aRequest({ headers: { "ocp-date": date, "content-length": "0" } });
    expect([accepts(text({ length: "0" }), request), accepts(text(), request)]).toEqual([true, true]);
  });

  test("with query names in the case they were sent in, or lower", () => {
    expect(accepts(text({ resource: "/acct/jobs/j/enable\napi-version:2025-06-01\ntimeout:30" }))).toBe(true);
  });

  test("whether values of one name are joined or the first is taken, and empty ones left out", () => {
    const request = aRequest({ target: "/pools?b=2&a=&b=1" });
    for (const resource of ["/acct/pools\na:\nb:1,2", "/acct/pools\na:\nb:2", "/acct/pools\nb:1,2", "/acct/pools\nb:2"])
      expect(accepts(text({ resource }), request)).toBe(true);
  });

  test("whether a plus sign in the query was meant as a blank or as itself", () => {
    const request = aRequest({ target: "/pools?$filter=a+b" });
    for (const resource of ["/acct/pools\n$filter:a b", "/acct/pools\n$filter:a+b"])
      expect(accepts(text({ resource }), request)).toBe(true);
  });

  test("with Date beside ocp-date, signed or not, and with Date alone", () => {
    const both = aRequest({ headers: { "ocp-date": date, date } });
    expect([accepts(text(), both), accepts(text({ date }), both)]).toEqual([true, true]);
    const alone = aRequest({ headers: { date } });
    expect([
      accepts(text({ date, canonicalHeaders: "" }), alone),
      accepts(text({ canonicalHeaders: "" }), alone),
    ]).toEqual([true, false]);
  });

  test("with the path as it was sent, encoded and with its prefix", () => {
    const request = aRequest({ target: "/accounts/acct/jobs/j/tasks/t/files/wd%2Fout.txt" });
    expect(accepts(text({ resource: "/acct/accounts/acct/jobs/j/tasks/t/files/wd%2Fout.txt" }), request)).toBe(true);
    expect(accepts(text({ resource: "/acct/accounts/acct/jobs/j/tasks/t/files/wd/out.txt" }), request)).toBe(false);
  });

  test("over every ocp- header, in the order of their names", () => {
    const request = aRequest({ headers: { "ocp-range": "bytes=0-9", "ocp-date": date } });
    expect(accepts(text({ canonicalHeaders: `ocp-date:${date}\nocp-range:bytes=0-9\n` }), request)).toBe(true);
    expect(accepts(text(), request)).toBe(false);
  });
});

describe("a SharedKey signature is refused", () => {
  test("with another key, another method, another account, or cut short", () => {
    const other = Buffer.alloc(64, 8).toString("base64");
    expect(signingKey(aRequest(), "acct", [key], sign(text(), other))).toBe(-1);
    expect(accepts(text({ method: "GET" }))).toBe(false);
    expect(signingKey(aRequest(), "other", [key], sign(text()))).toBe(-1);
    expect(signingKey(aRequest(), "acct", [key], sign(text()).slice(0, 20))).toBe(-1);
    expect(signingKey(aRequest(), "acct", [key], "")).toBe(-1);
  });

  test("when a header that it covers was changed on the way", () => {
    expect(accepts(text({ type: "application/json" }), aRequest({ headers: { "ocp-date": date } }))).toBe(false);
  });
});

describe("the work before it is known who asks", () => {
  const part = fc.string({ unit: fc.constantFrom("a", "A", "b", "+", "%20", "%", "é", ","), maxLength: 4 });
  const queries = fc.array(
    fc.tuple(part, part).map((pair) => pair.join("=")),
    { maxLength: 300 },
  );
  /** How many ways there are to write a request at most: of the query, the length and the date. */
  const ways = 12 * 2 * 2;

  test("grows no faster than the request", () => {
    fc.assert(
      fc.property(queries, (pairs) => {
        const request = aRequest({ target: `/pools?${pairs.join("&")}`, headers: { "ocp-date": date, date } });
        const texts = [...stringsToSign(request, "acct")];
        expect(texts.length).toBeLessThanOrEqual(ways);
        // Beside the query there are the other lines, and a name without a value gets a colon and a line of its own.
        for (const each of texts) expect(each.length).toBeLessThanOrEqual(2 * request.target.length + 200);
      }),
    );
  });

  test("writes the parameters as if each name were looked for among all of them", () => {
    fc.assert(
      fc.property(queries, (pairs) => {
        const decoded = pairs
          .filter((pair) => pair !== "")
          .map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)].map(decodedOrAsIs));
        const names = [...new Set(decoded.map(([name]) => name))].sort();
        const valuesOf = (name?: string) => decoded.filter(([each]) => each === name).map(([, value]) => value);
        const lines = names.map((name) => `\n${name}:${valuesOf(name).sort().join(",")}`);
        expect(
          accepts(
            text({ resource: `/acct/pools${lines.join("")}` }),
            aRequest({ target: `/pools?${pairs.join("&")}` }),
          ),
        ).toBe(true);
      }),
    );
  });

  test("is milliseconds for fifteen thousand names", () => {
    const names = Array.from({ length: 15_000 }, (_, n) => n.toString(36)).join("&");
    const begun = performance.now();
    expect(signingKey(aRequest({ target: `/pools?${names}` }), "acct", [key, key], sign("another"))).toBe(-1);
    expect(performance.now() - begun).toBeLessThan(2_000);
  });
});

function decodedOrAsIs(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
