import { type ApiVersion, apiVersions, BatchError, isApiVersion } from "@kyanite/contract";
import { accountOfHost } from "../domain/host-names.ts";
import { parameter, splitTarget } from "./target.ts";

/** Where a request goes: the account that its URL names, and the path without that. */
export interface Place {
  readonly accountName: string | undefined;
  /** Scheme and host the client called, and the account prefix if it used one; no slash at the end. */
  readonly baseUrl: string;
  /** Still encoded. */
  readonly path: string;
  /** Still encoded. */
  readonly query: string;
}

/**
 * The account may be named by a prefix, `/accounts/NAME/…`, or by the host.
 * @param domains below which hosts are named for accounts
 */
export function placeOf(
  { origin, target }: { readonly origin: string; readonly target: string },
  domains: readonly string[],
): Place {
  const { path: whole, query } = splitTarget(target);
  const prefix = /^(\/accounts\/([^/]+))(\/.*)?$/.exec(whole);
  if (prefix)
    return { accountName: prefix[2]?.toLowerCase(), baseUrl: origin + prefix[1], path: prefix[3] ?? "/", query };
  const accountName = accountOfHost(origin.replace(/^https?:\/\//, ""), domains);
  return { accountName, baseUrl: origin, path: whole, query };
}

/** @throws BatchError MissingRequiredQueryParameter, UnsupportedRequestVersion */
export function versionOf(search: URLSearchParams): ApiVersion {
  const given = parameter(search, "api-version");
  if (given === undefined || given === "")
    throw new BatchError("MissingRequiredQueryParameter", { QueryParameterName: "api-version" });
  if (isApiVersion(given)) return given;
  throw new BatchError("UnsupportedRequestVersion", {
    QueryParameterName: "api-version",
    QueryParameterValue: given.slice(0, 100),
    Reason: `Supported are ${apiVersions.join(", ")}`,
  });
}
