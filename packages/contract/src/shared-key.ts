/**
 * What a SharedKey signature covers. A client makes one such text, and the service those of every known client, which
 * differ in a few parts.
 */

/** By names in small letters. */
export type SignedHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface SignedParts {
  readonly method: string;
  readonly headers: SignedHeaders;
  readonly contentLength: string;
  readonly date: string;
  /** See {@link signedOcpHeaders}. */
  readonly ocpHeaders: string;
  readonly account: string;
  /** As it is sent, still encoded. */
  readonly path: string;
  /** See {@link signedParameters}. */
  readonly parameters: string;
}

/** The text whose HMAC-SHA256 with the account's key is the signature. */
export function textToSign(parts: SignedParts): string {
  const { method, headers, contentLength, date, ocpHeaders, account, path, parameters } = parts;
  const header = (name: string) => String(headers[name] ?? "");
  return [
    method.toUpperCase(),
    header("content-encoding"),
    header("content-language"),
    contentLength,
    header("content-md5"),
    header("content-type"),
    date,
    header("if-modified-since"),
    header("if-match"),
    header("if-none-match"),
    header("if-unmodified-since"),
    header("range"),
    `${ocpHeaders}/${account}${path}${parameters}`,
  ].join("\n");
}

/** A line for each header whose name begins with `ocp-`, in the order of their names. */
export function signedOcpHeaders(headers: SignedHeaders): string {
  return Object.keys(headers)
    .filter((name) => name.startsWith("ocp-") && headers[name] !== undefined)
    .sort()
    .map((name) => `${name}:${String(headers[name])}\n`)
    .join("");
}

/** A line for each parameter of the query, decoded, in the order of their names. */
export function signedParameters(parameters: Iterable<readonly [name: string, value: string]>): string {
  return [...parameters]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => `\n${name}:${value}`)
    .join("");
}
