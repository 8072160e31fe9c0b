import { withoutSlash } from "@kyanite/runtime";

/** Which half of the service a token is for. */
export type Plane = "data" | "management";

/** The resources that Azure's clients ask tokens for, without a slash at the end; the ids are those of v2 tokens. */
const audiences: Readonly<Record<Plane, readonly string[]>> = {
  data: ["https://batch.core.windows.net", "ddbf3205-c6bd-46ae-8127-60eb93363864"],
  management: [
    "https://management.azure.com",
    "https://management.core.windows.net",
    "797f4846-ba00-4fd7-ba43-dac1f8f63013",
  ],
};

/** Whether a text is a scheme, a name and a port at which this server answers. */
export type IsOwnOrigin = (text: string) => boolean;

/**
 * Whether one of a token's audiences is this half of the service, however it is spelt. Clients that are told only where
 * the management plane is ask for tokens for that place.
 */
export function isFor(plane: Plane, audience: unknown, isOwnOrigin: IsOwnOrigin): boolean {
  const values: unknown[] = Array.isArray(audience) ? audience : [audience];
  return values.some((value) => {
    if (typeof value !== "string") return false;
    const resource = withoutSlash(value).toLowerCase();
    const isKnown = audiences[plane].includes(resource.replace(/^(https:.*):443$/, "$1"));
    return isKnown || (plane === "management" && isOwnOrigin(resource));
  });
}

/** OpenID's own scopes: what a program wants to know of who signs in. They name no resource. */
const openIdScopes: readonly string[] = ["openid", "profile", "email", "address", "phone", "offline_access"];

/**
 * The resources that a request for a token names: by its scopes, such as `https://batch.core.windows.net//.default`, or,
 * where none of them names one, by its `resource`.
 */
export function requestedResources({
  scope,
  resource,
}: {
  readonly scope: string;
  readonly resource: string;
}): string[] {
  const scopes = scope.split(/\s+/).filter((word) => word !== "" && !openIdScopes.includes(word.toLowerCase()));
  const named = scopes.map((word) => word.replace(/\/(\.default|user_impersonation)$/i, ""));
  if (named.length === 0) return resource === "" ? [] : [resource];
  return [...new Map(named.toReversed().map((each) => [withoutSlash(each).toLowerCase(), each])).values()];
}
