import { type IncomingMessage, type OutgoingHttpHeader, type OutgoingHttpHeaders, ServerResponse } from "node:http";

const special = new Map(
  ["ETag", "DataServiceId", "DataServiceVersion", "Azure-AsyncOperation", "WWW-Authenticate"].map((name) => [
    name.toLowerCase(),
    name,
  ]),
);
/** These the service itself writes in small letters. */
const isSmall = (name: string) => /^(x-ms-|ocp-|request-id$|client-request-id$)/.test(name);

const known = new Map<string, string>();

/** The service's spelling of a header's name. */
export function spelled(name: string): string {
  const found = known.get(name);
  if (found !== undefined) return found;
  const small = name.toLowerCase();
  const capitals = small.replace(/(^|-)[a-z]/g, (initial) => initial.toUpperCase());
  const result = special.get(small) ?? (isSmall(small) ? small : capitals);
  known.set(name, result);
  return result;
}

/**
 * The only place that spells names of headers, for everything that is answered: older clients, such as Java's, look for
 * `ETag` and `Content-Length` letter by letter. Everywhere else names are in small letters.
 */
export class SpelledResponse<R extends IncomingMessage = IncomingMessage> extends ServerResponse<R> {
  override setHeader(name: string, value: number | string | readonly string[]): this {
    return super.setHeader(spelled(name), value);
  }

  override writeHead(status: number, reason?: string, headers?: OutgoingHttpHeaders | OutgoingHttpHeader[]): this;
  override writeHead(status: number, headers?: OutgoingHttpHeaders | OutgoingHttpHeader[]): this;
  override writeHead(status: number, ...rest: unknown[]): this {
    const reason = rest.find((each) => typeof each === "string");
    const headers = rest.find((each) => typeof each === "object" && each !== null) ?? {};
    if (Array.isArray(headers)) this.#replaceHeaders(headers);
    else for (const [name, value] of Object.entries(headers)) if (value !== undefined) this.setHeader(name, value);
    return reason === undefined ? super.writeHead(status) : super.writeHead(status, reason);
  }

  /** @param list names and values in turn, as Node itself gives them; a name may come again */
  #replaceHeaders(list: readonly OutgoingHttpHeader[]): void {
    const pairs = list.flatMap((each, index) =>
      index % 2 === 0 ? ([[String(each), list[index + 1] ?? ""]] as const) : [],
    );
    for (const [name] of pairs) this.removeHeader(name);
    for (const [name, value] of pairs) this.appendHeader(spelled(name), typeof value === "number" ? `${value}` : value);
  }
}
