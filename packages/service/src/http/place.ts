import { type ApiVersion, apiVersions, BatchError, isApiVersion } from "@kyanite/contract";

/** Where a request goes: the account that its URL names, and the path without that. */
export interface Place {
  readonly accountName: string | undefined;
  /** Scheme and host the client called, and the account prefix if it used one; no slash at the end. */
  readonly baseUrl: string;
  /** Still encoded. */
  readonly path: string;
  readonly search: URLSearchParams;
}

/** The account may be named by a prefix, `/accounts/NAME/…`, or by the host, `NAME.localhost`. */
export function placeOf({ origin, target }: { readonly origin: string; readonly target: string }): Place {
  const at = target.indexOf("?");
  const whole = at === -1 ? target : target.slice(0, at);
  const search = new URLSearchParams(at === -1 ? "" : target.slice(at + 1));
  const prefix = /^(\/accounts\/([^/]+))(\/.*)?$/.exec(whole);
  if (prefix)
    return { accountName: prefix[2]?.toLowerCase(), baseUrl: origin + prefix[1], path: prefix[3] ?? "/", search };
  const host = /^https?:\/\/([a-z0-9]{3,24})\.localhost(?::\d+)?$/i.exec(origin)?.[1]?.toLowerCase();
  return { accountName: host, baseUrl: origin, path: whole, search };
}

/** @throws BatchError MissingRequiredQueryParameter, UnsupportedRequestVersion */
export function versionOf(search: URLSearchParams): ApiVersion {
  const given = [...search].find(([name]) => name.toLowerCase() === "api-version")?.[1];
  if (given === undefined || given === "")
    throw new BatchError("MissingRequiredQueryParameter", { QueryParameterName: "api-version" });
  if (isApiVersion(given)) return given;
  throw new BatchError("UnsupportedRequestVersion", {
    QueryParameterName: "api-version",
    QueryParameterValue: given.slice(0, 100),
    Reason: `Supported are ${apiVersions.join(", ")}`,
  });
}
