import type { ApiVersion } from "../versions.ts";

/**
 * Versions of the management plane, oldest first, each with the version of the data plane that came out with it: a
 * schema says in which versions a thing exists in terms of the latter.
 */
const pairs = {
  "2022-10-01": "2022-10-01.16.0",
  "2023-05-01": "2023-05-01.17.0",
  "2023-11-01": "2023-11-01.18.0",
  "2024-02-01": "2024-02-01.19.0",
  "2024-07-01": "2024-07-01.20.0",
  "2025-06-01": "2025-06-01",
} as const satisfies Readonly<Record<string, ApiVersion>>;

export type ManagementVersion = keyof typeof pairs;

export const managementVersions: readonly string[] = Object.keys(pairs);

/** The data plane's version of the same age; undefined for a version that does not exist. */
export function pairedVersion(version: string): ApiVersion | undefined {
  return Object.entries(pairs).find(([name]) => name === version)?.[1];
}
