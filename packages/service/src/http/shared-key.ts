import { createHmac, timingSafeEqual } from "node:crypto";
import { type SignedHeaders, signedOcpHeaders, signedParameters, textToSign } from "@kyanite/contract";

/** What a signature covers. */
export interface SignedRequest {
  readonly method: string;
  /** Path and query as the client sent them, still encoded. */
  readonly target: string;
  readonly headers: SignedHeaders;
}

/**
 * Which of the keys has made `signature` of this request with this account, in one of the ways clients sign.
 * @returns its index, -1 when none of them has
 */
export function signingKey(
  request: SignedRequest,
  account: string,
  keys: readonly string[],
  signature: string,
): number {
  const given = Buffer.from(signature, "base64");
  const secrets = keys.map((key) => Buffer.from(key, "base64"));
  for (const text of stringsToSign(request, account))
    for (const [index, secret] of secrets.entries()) {
      const computed = createHmac("sha256", secret).update(text, "utf8").digest();
      if (computed.length === given.length && timingSafeEqual(computed, given)) return index;
    }
  return -1;
}

/**
 * The texts that a client may have signed, each made when it is asked for. Clients differ in the length they sign for an
 * absent body, in whether they lower the case of query names, in repeated and empty query values, and in `Date` beside
 * `ocp-date`. Whoever sends a request may make this run, so its work is bounded by the length of the request.
 */
export function* stringsToSign(request: SignedRequest, account: string): Generator<string> {
  const { method, headers } = request;
  const header = (name: string) => String(headers[name] ?? "");
  const [path, query] = splitOnce(request.target, "?");
  const lengths = unique([header("content-length"), ...(hasBody(header("content-length")) ? [] : ["", "0"])]);
  const dates = header("ocp-date") === "" ? [header("date")] : unique(["", header("date")]);
  const ocpHeaders = signedOcpHeaders(headers);
  for (const parameters of signedQueries(query))
    for (const contentLength of lengths)
      for (const date of dates)
        yield textToSign({ method, headers, contentLength, date, ocpHeaders, account, path, parameters });
}

const hasBody = (length: string) => length !== "" && length !== "0";

type Pair = readonly [name: string, value: string];

/** The different ways in which clients write the parameters of a query. */
function* signedQueries(query: string): Generator<string> {
  const known = new Set<string>();
  for (const parameters of writtenQueries(query)) {
    if (known.has(parameters)) continue;
    known.add(parameters);
    yield parameters;
  }
}

/** A plus sign is a blank or itself. */
function* writtenQueries(query: string): Generator<string> {
  const encoded = query.split("&").filter((pair) => pair !== "");
  for (const text of unique([query.replaceAll("+", "%20"), query])) {
    const isSame = text === query;
    const pairs = encoded.map((pair) => decodedPair(isSame ? pair : pair.replaceAll("+", "%20")));
    const lowered = pairs.map(([name, value]): Pair => [name.toLowerCase(), value]);
    const filled = pairs.filter(([, value]) => value !== "");
    for (const each of [pairs, lowered, filled]) {
      const values = valuesByName(each);
      yield signedParameters(values.map(([name, all]) => [name, joined(all)]));
      yield signedParameters(values.map(([name, [first = ""]]) => [name, first]));
    }
  }
}

/** Values of one name sorted and joined with commas, as the documentation says; the Python client signs the first. */
const joined = (values: readonly string[]) => [...values].sort().join(",");

type ValuesByName = readonly (readonly [name: string, values: readonly string[]])[];

function valuesByName(pairs: readonly Pair[]): ValuesByName {
  const found = new Map<string, string[]>();
  for (const [name, value] of pairs) {
    const values = found.get(name);
    if (values) values.push(value);
    else found.set(name, [value]);
  }
  return [...found];
}

function decodedPair(pair: string): Pair {
  const [name, value] = splitOnce(pair, "=");
  return [decode(name), decode(value)];
}

function splitOnce(text: string, separator: string): readonly [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
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
