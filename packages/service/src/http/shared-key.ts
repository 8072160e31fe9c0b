import { createHmac, timingSafeEqual } from "node:crypto";

/** What a signature covers. */
export interface SignedRequest {
  readonly method: string;
  /** Path and query as the client sent them, still encoded. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Whether `signature` is that of this request with this account and key, in one of the ways in which clients sign. */
export function isSignedWith(request: SignedRequest, account: string, key: string, signature: string): boolean {
  const given = Buffer.from(signature, "base64");
  const secret = Buffer.from(key, "base64");
  let isRight = false;
  for (const text of stringsToSign(request, account)) {
    const computed = createHmac("sha256", secret).update(text, "utf8").digest();
    if (computed.length === given.length && timingSafeEqual(computed, given)) isRight = true;
  }
  return isRight;
}

/**
 * The texts that a client may have signed. Clients differ in the length they sign for an absent body, in whether they
 * lower the case of query names, in repeated and empty query values, and in `Date` beside `ocp-date`.
 */
export function stringsToSign(request: SignedRequest, account: string): string[] {
  const header = (name: string) => String(request.headers[name] ?? "");
  const lengths = unique([header("content-length"), ...(hasBody(header("content-length")) ? [] : ["", "0"])]);
  const dates = header("ocp-date") === "" ? [header("date")] : unique(["", header("date")]);
  const texts = lengths.flatMap((length) =>
    dates.flatMap((date) =>
      canonicalResources(request.target, account).map((resource) =>
        [
          request.method.toUpperCase(),
          header("content-encoding"),
          header("content-language"),
          length,
          header("content-md5"),
          header("content-type"),
          date,
          header("if-modified-since"),
          header("if-match"),
          header("if-none-match"),
          header("if-unmodified-since"),
          header("range"),
          canonicalHeaders(request.headers) + resource,
        ].join("\n"),
      ),
    ),
  );
  return unique(texts);
}

const hasBody = (length: string) => length !== "" && length !== "0";

function canonicalHeaders(headers: SignedRequest["headers"]): string {
  return Object.keys(headers)
    .filter((name) => name.startsWith("ocp-") && headers[name] !== undefined)
    .sort()
    .map((name) => `${name}:${String(headers[name])}\n`)
    .join("");
}

function canonicalResources(target: string, account: string): string[] {
  const [path = "", query = ""] = splitOnce(target, "?");
  const encoded = query.split("&").filter((pair) => pair !== "");
  return unique(
    [(text: string) => text.replaceAll("+", "%20"), (text: string) => text]
      .map((readPlus) => encoded.map((pair) => splitOnce(pair, "=").map((part) => decode(readPlus(part)))))
      .flatMap(signedQueries)
      .map((parameters) => `/${account}${path}${parameters}`),
  );
}

/** The ways in which clients write the parameters of a query. */
function signedQueries(pairs: readonly string[][]): string[] {
  const lowered = pairs.map(([name = "", value = ""]) => [name.toLowerCase(), value]);
  const filled = pairs.filter(([, value = ""]) => value !== "");
  return [pairs, lowered, filled].flatMap((each) => [joined(each), firsts(each)]);
}

/** Values of one name sorted and joined with commas, as the documentation says. */
function joined(pairs: readonly string[][]): string {
  return lines(pairs, (values) => [...values].sort().join(","));
}

/** The first value of each name, as the Python client signs. */
function firsts(pairs: readonly string[][]): string {
  return lines(pairs, ([first = ""]) => first);
}

function lines(pairs: readonly string[][], combine: (values: readonly string[]) => string): string {
  const names = unique(pairs.map(([name = ""]) => name)).sort();
  return names
    .map((name) => `\n${name}:${combine(pairs.filter(([each]) => each === name).map(([, value = ""]) => value))}`)
    .join("");
}

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
