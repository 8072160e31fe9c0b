import { BatchError } from "@kyanite/contract";

/** What conditions are checked against; a node's file has no ETag. */
export interface Conditional {
  readonly etag?: string;
  readonly lastModified: Date;
}

/** The conditional headers of a request. */
export interface Conditions {
  /**
   * @param entity undefined when there is none: a client that expects any expects wrongly
   * @throws BatchError ConditionNotMet, or {@link NotModified} for a read whose client has the present version
   */
  check(entity: Conditional | undefined): void;
}

/** The client's copy is still good: answered 304 without a body. */
export class NotModified extends Error {}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

const names = ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"] as const;

/**
 * Reads the four headers. `If-None-Match` overrides `If-Modified-Since`, `If-Match` overrides `If-Unmodified-Since`;
 * other combinations are refused.
 * @throws BatchError InvalidHeaderValue, MultipleConditionHeadersNotSupported
 */
export function parseConditions(headers: Headers, isRead: boolean): Conditions {
  const [match, noneMatch, modifiedSince, unmodifiedSince] = names.map((name) => single(headers[name]));
  const given = [match, noneMatch, modifiedSince, unmodifiedSince].filter((value) => value !== undefined).length;
  const isPair =
    (match !== undefined && unmodifiedSince !== undefined) || (noneMatch !== undefined && modifiedSince !== undefined);
  if (given > 2 || (given === 2 && !isPair)) throw new BatchError("MultipleConditionHeadersNotSupported");
  const since = parseDate("If-Modified-Since", modifiedSince);
  const until = parseDate("If-Unmodified-Since", unmodifiedSince);
  const fail = () => {
    throw isRead ? new NotModified() : new BatchError("ConditionNotMet");
  };
  return {
    check: (entity) => {
      if (!entity && match !== undefined) throw new BatchError("ConditionNotMet");
      if (!entity) return;
      const { etag, lastModified } = entity;
      const modified = Math.floor(lastModified.getTime() / 1000);
      if (match !== undefined && !namesEtag(match, etag)) throw new BatchError("ConditionNotMet");
      if (match === undefined && until !== undefined && modified > until) throw new BatchError("ConditionNotMet");
      if (noneMatch !== undefined && namesEtag(noneMatch, etag)) fail();
      if (noneMatch === undefined && since !== undefined && modified <= since) fail();
    },
  };
}

/** Whether a list of ETags, quoted or not, names this one; `*` names any. */
function namesEtag(list: string, etag: string | undefined): boolean {
  return list.split(",").some((item) => {
    const text = item
      .trim()
      .replace(/^W\//, "")
      .replace(/^"(.*)"$/, "$1");
    return text === "*" || text === etag;
  });
}

function single(value: string | string[] | undefined): string | undefined {
  const text = Array.isArray(value) ? value[0] : value;
  return text === "" ? undefined : text;
}

/** Seconds since 1970: HTTP dates know nothing finer. */
function parseDate(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const milliseconds = Date.parse(text);
  if (Number.isNaN(milliseconds))
    throw new BatchError("InvalidHeaderValue", {
      HeaderName: name,
      HeaderValue: text.slice(0, 100),
      Reason: "Not an HTTP date",
    });
  return Math.floor(milliseconds / 1000);
}
