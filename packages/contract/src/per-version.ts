import type { SchemaNode } from "./schema.ts";
import type { ApiVersion } from "./versions.ts";

/** Works something out once for each schema and version; schemas are made once and never change. */
export function perVersion<T>(
  workOut: (schema: SchemaNode, version: ApiVersion) => T,
): (schema: SchemaNode, version: ApiVersion) => T {
  const known = new WeakMap<SchemaNode, Map<ApiVersion, T>>();
  return (schema, version) => {
    const versions = known.get(schema) ?? new Map<ApiVersion, T>();
    known.set(schema, versions);
    const found = versions.get(version);
    if (found !== undefined) return found;
    const fresh = workOut(schema, version);
    versions.set(version, fresh);
    return fresh;
  };
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
