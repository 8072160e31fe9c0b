import type { TSchema } from "typebox";
import { normalizeDateTime } from "./date-time.ts";
import { normalizeDuration } from "./duration.ts";
import { BatchError, invalidProperty } from "./errors.ts";
import { isRecord, perVersion } from "./per-version.ts";
import type { SchemaNode } from "./schema.ts";
import { type ApiVersion, isKnownIn, isOlder } from "./versions.ts";

/** Where in a document a value stands, from the inside out; turned into text only for an error. */
interface Place {
  readonly name: string | number;
  readonly within?: Place | undefined;
}

type Reader = (value: unknown, place: Place | undefined) => unknown;

/** What becomes of a member by its name on the wire: dropped, or read and stored under its newest name. */
type Member = { readonly kind: "dropped" } | { readonly kind: "kept"; readonly name: string; readonly read: Reader };

/**
 * Brings a request body of any version into the newest form: newest names, canonical spelling of enumerations, times
 * and durations, whole numbers and booleans also where they came as strings, no null, nothing that this version does not have or that only the service sets. Values are not checked; see
 * `checkDocument`.
 *
 * @throws BatchError `UnsupportedProperty` for a member that no version knows, `MissingRequiredProperty` for one that
 * only older versions demand, `InvalidPropertyValue` for an enumeration value that this version does not have.
 */
export function readDocument(schema: TSchema, value: unknown, version: ApiVersion): unknown {
  return readerOf(schema, version)(value, undefined);
}

/**
 * The service converts a string that is exactly what a property wants, and clients rely on it: `az` sends the numbers of its
 * options as it was given them.
 */
const literals: Readonly<Record<string, RegExp>> = {
  integer: /^(0|-?[1-9]\d{0,14})$/,
  boolean: /^(true|false)$/,
};

const readerOf = perVersion((schema, version): Reader => {
  if (schema.properties) return objectReader(schema, version);
  if (schema.items) return arrayReader(schema.items, version);
  if (schema.enum) return enumReader(schema, version);
  if (schema.format === "duration") return (value) => (typeof value === "string" ? normalizeDuration(value) : value);
  if (schema.format === "date-time") return (value) => (typeof value === "string" ? normalizeDateTime(value) : value);
  if (schema.format === "int64") return (value) => (typeof value === "number" ? String(value) : value);
  const literal = literals[String(schema.type)];
  if (literal) return (value) => (typeof value === "string" && literal.test(value) ? JSON.parse(value) : value);
  return (value) => value;
});

function arrayReader(items: SchemaNode, version: ApiVersion): Reader {
  const read = readerOf(items, version);
  return (value, place) =>
    Array.isArray(value) ? value.map((item, index) => read(item, { name: index, within: place })) : value;
}

function enumReader({ enum: values = [], lifespans = {} }: SchemaNode, version: ApiVersion): Reader {
  const spellings = new Map(values.map(String).map((value) => [value.toLowerCase(), value]));
  return (value, place) => {
    const canonical = typeof value === "string" ? spellings.get(value.toLowerCase()) : undefined;
    if (canonical === undefined) return value;
    if (isKnownIn(version, lifespans[canonical] ?? {})) return canonical;
    throw invalidProperty(pathOf(place), value, `The value is not available in api-version ${version}`);
  };
}

function objectReader(schema: SchemaNode, version: ApiVersion): Reader {
  const members = membersOf(schema, version);
  const demanded = Object.entries(schema.properties ?? {})
    .filter(([, { requiredBefore }]) => requiredBefore !== undefined && isOlder(version, requiredBefore))
    .map(([name]) => name);
  return (value, place) => {
    if (!isRecord(value)) return value;
    const result: Record<string, unknown> = {};
    for (const [name, member] of Object.entries(value)) {
      if (member === null || member === undefined) continue;
      const known = members.get(name) ?? unknownMember(name, place);
      if (known.kind === "kept") result[known.name] = known.read(member, { name, within: place });
    }
    const missing = demanded.find((name) => result[name] === undefined);
    if (missing === undefined) return result;
    throw new BatchError("MissingRequiredProperty", { PropertyName: pathOf({ name: missing, within: place }) });
  };
}

function membersOf({ properties = {}, ignores = [] }: SchemaNode, version: ApiVersion): ReadonlyMap<string, Member> {
  const members = new Map<string, Member>(ignores.map((name) => [name, { kind: "dropped" }]));
  for (const [name, property] of Object.entries(properties)) {
    const isKept = isKnownIn(version, property) && !property.readOnly;
    const member: Member = isKept ? { kind: "kept", name, read: readerOf(property, version) } : { kind: "dropped" };
    members.set(name, member);
    if (property.formerName !== undefined) members.set(property.formerName, member);
  }
  return members;
}

/** Annotations of the OData format may stand anywhere and mean nothing in a request. */
function unknownMember(name: string, place: Place | undefined): Member {
  if (name.startsWith("odata.") || name.includes("@odata.")) return { kind: "dropped" };
  throw new BatchError("UnsupportedProperty", {
    PropertyName: pathOf({ name, within: place }),
    Reason: "No such property is known in any api-version",
  });
}

function pathOf(place: Place | undefined): string {
  if (!place) return "";
  const outer = pathOf(place.within);
  if (typeof place.name === "number") return `${outer}[${place.name}]`;
  return outer ? `${outer}.${place.name}` : place.name;
}
