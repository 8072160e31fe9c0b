/** Published data-plane api-versions, oldest first. Their place in this list is their age. */
export const apiVersions = [
  "2018-12-01.8.0",
  "2019-06-01.9.0",
  "2019-08-01.10.0",
  "2020-03-01.11.0",
  "2020-09-01.12.0",
  "2021-06-01.14.0",
  "2022-01-01.15.0",
  "2022-10-01.16.0",
  "2023-05-01.17.0",
  "2023-11-01.18.0",
  "2024-02-01.19.0",
  "2024-07-01.20.0",
  "2025-06-01",
  "2026-10-01",
] as const;

export type ApiVersion = (typeof apiVersions)[number];

/** In which versions a thing exists: from `since` on (all, when absent), up to and without `removed`. */
export interface Lifespan {
  readonly since?: ApiVersion;
  readonly removed?: ApiVersion;
}

export function isApiVersion(text: string): text is ApiVersion {
  return apiVersions.some((version) => version === text);
}

export function isOlder(version: ApiVersion, than: ApiVersion): boolean {
  return apiVersions.indexOf(version) < apiVersions.indexOf(than);
}

export function isKnownIn(version: ApiVersion, { since, removed }: Lifespan): boolean {
  return !(since !== undefined && isOlder(version, since)) && (removed === undefined || isOlder(version, removed));
}
