import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { signingKey, stringsToSign } from "../../src/http/shared-key.ts";

/** Signatures that the official client made, where a copy of them lies beside the repository. */
const file = new URL("../../../../../shared/spec/examples/sharedkey-vectors.json", import.meta.url);
const isPresent = existsSync(file);
if (!isPresent) console.warn("SKIPPED: no known signatures in ../shared/spec/examples");

interface Vector {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentLengthSigned: string;
  readonly stringToSign: string;
  readonly authorization: string;
}
const known: { account: string; key: string; vectors: Vector[] } = isPresent
  ? JSON.parse(readFileSync(file, "utf8"))
  : { account: "", key: "", vectors: [] };

const requestOf = ({ method, url, headers, contentLengthSigned }: Vector) => {
  const { pathname, search } = new URL(url);
  const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  const length = contentLengthSigned === "" ? {} : { "content-length": contentLengthSigned };
  return { method, target: pathname + search, headers: { ...Object.fromEntries(lower), ...length } };
};

describe.skipIf(!isPresent)("known signatures", () => {
  test.each(known.vectors.map((vector) => [`${vector.method} ${vector.url}`, vector] as const))("%s", (_, vector) => {
    const request = requestOf(vector);
    expect([...stringsToSign(request, known.account)]).toContain(vector.stringToSign);
    const signature = vector.authorization.replace(`SharedKey ${known.account}:`, "");
    expect(signingKey(request, known.account, [known.key], signature)).toBe(0);
    expect(signingKey({ ...request, method: "PATCH" }, known.account, [known.key], signature)).toBe(-1);
  });

  test("there are five", () => expect(known.vectors).toHaveLength(5));
});
