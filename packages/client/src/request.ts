import type { ByteRange, EntityConditions } from "@kyanite/contract";
import type { Route } from "@kyanite/contract/routes";

/** A request before it has a version, a date and a signature. */
export interface PlannedRequest {
  readonly method: string;
  /** With the query, encoded. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

interface Given extends EntityConditions {
  readonly body?: unknown;
  readonly range?: ByteRange;
}

interface Service {
  /** Of every path, without a slash at its end. */
  readonly prefix: string;
  readonly version: string | undefined;
}

/** What the arguments of a call come to: some are in the path, some are headers, and the others are the query. */
export function planRequest([method, path]: Route, given: object, { prefix, version }: Service): PlannedRequest {
  const { body, range, ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince, ...rest }: Given = given;
  const named: Readonly<Record<string, unknown>> = rest;
  const inPath = new Set<string>();
  const filledPath = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    inPath.add(name);
    return pathValue(name, named[name]);
  });
  let target = `${prefix}${filledPath}?api-version=${version}`;
  for (const [name, value] of Object.entries(named))
    if (value !== undefined && !inPath.has(name)) target += `&${name}=${encodeURIComponent(String(value))}`;
  const headers: Record<string, string> = {};
  if (body !== undefined) headers["content-type"] = "application/json; odata=minimalmetadata";
  if (ifMatch !== undefined) headers["if-match"] = ifMatch;
  if (ifNoneMatch !== undefined) headers["if-none-match"] = ifNoneMatch;
  if (ifModifiedSince) headers["if-modified-since"] = ifModifiedSince.toUTCString();
  if (ifUnmodifiedSince) headers["if-unmodified-since"] = ifUnmodifiedSince.toUTCString();
  if (range) headers["ocp-range"] = `bytes=${range.start}-${range.end ?? ""}`;
  return { method, target, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
}

/** Nothing, one dot and two dots would name another resource, such as the job instead of its task. */
function pathValue(name: string, value: unknown): string {
  const text = String(value ?? "");
  if (/^\.{0,2}$/.test(text)) throw new TypeError(`${name} must not be ${JSON.stringify(text)}`);
  return encodeURIComponent(text);
}
