/** What clients find at an authority, which they reach in many spellings. */
export type AuthorityPage = "configuration" | "instance" | "keys" | "token";

const pages: readonly (readonly [method: string, pattern: RegExp, page: AuthorityPage])[] = [
  ["GET", /^(v2\.0\/)?\.well-known\/openid-configuration$/, "configuration"],
  ["GET", /^discovery\/instance$/, "instance"],
  ["GET", /^discovery\/(v2\.0\/)?keys$/, "keys"],
  ["POST", /^oauth2\/(v2\.0\/)?token$/, "token"],
];

/**
 * The page of an authority that a path names. Clients take `/adfs`, the authority here, for the tenant, put a tenant of
 * their own behind it, or one in its place, put `/v2.0` between or not, and a slash at the end or not.
 */
export function authorityPage(method: string, path: string): AuthorityPage | undefined {
  const [first = "", ...rest] = path.toLowerCase().split("/").filter(Boolean);
  const [, ...withoutTenant] = rest;
  const afterTenant = pageOf(method, rest);
  if (afterTenant !== undefined || first !== "adfs") return afterTenant;
  return pageOf(method, withoutTenant);
}

function pageOf(method: string, segments: readonly string[]): AuthorityPage | undefined {
  const path = segments.join("/");
  return pages.find(([verb, pattern]) => verb === method && pattern.test(path))?.[2];
}
