import type { TSchema } from "typebox";
import { isRecord, perVersion } from "./per-version.ts";
import type { SchemaNode } from "./schema.ts";
import { type ApiVersion, isKnownIn, isOlder } from "./versions.ts";

type Writer = (value: unknown) => unknown;

/** A member that may have to change; `as` is its name in the version, absent when it is left out. */
interface Change {
  readonly name: string;
  readonly as?: string;
  readonly write: Writer;
}

/**
 * Brings a stored document into the form that a version shows: without what the version does not have, with the names
 * it used, and without secrets. What needs no change is returned as it is, not copied.
 */
export function writeDocument(schema: TSchema, value: unknown, version: ApiVersion): unknown {
  return writerOf(schema, version)(value);
}

const unchanged: Writer = (value) => value;

const writerOf = perVersion((schema, version): Writer => {
  if (schema.properties) return objectWriter(schema.properties, version);
  return schema.items ? arrayWriter(schema.items, version) : unchanged;
});

function arrayWriter(items: SchemaNode, version: ApiVersion): Writer {
  const write = writerOf(items, version);
  if (write === unchanged) return unchanged;
  return (value) => {
    if (!Array.isArray(value)) return value;
    const written = value.map(write);
    return written.every((item, index) => item === value[index]) ? value : written;
  };
}

function objectWriter(properties: Readonly<Record<string, SchemaNode>>, version: ApiVersion): Writer {
  const changes = Object.entries(properties)
    .map(([name, property]) => changeOf(name, property, version))
    .filter(({ name, as, write }) => as !== name || write !== unchanged);
  if (changes.length === 0) return unchanged;
  return (value) => (isRecord(value) ? applyChanges(value, changes) : value);
}

function changeOf(name: string, property: SchemaNode, version: ApiVersion): Change {
  const as = nameIn(name, property, version);
  return as === undefined ? { name, write: unchanged } : { name, as, write: writerOf(property, version) };
}

/** What a property is called in a version; undefined when the version does not show it. */
export function nameIn(name: string, property: SchemaNode, version: ApiVersion): string | undefined {
  if (property.secret || !isKnownIn(version, property)) return undefined;
  const { formerName, renamedIn } = property;
  const isFormer = formerName !== undefined && renamedIn !== undefined && isOlder(version, renamedIn);
  return isFormer ? formerName : name;
}

function applyChanges(value: Readonly<Record<string, unknown>>, changes: readonly Change[]): unknown {
  let result: Record<string, unknown> | undefined;
  for (const { name, as, write } of changes) {
    const member = value[name];
    if (member === undefined) continue;
    const written = write(member);
    if (as === name && written === member) continue;
    result ??= { ...value };
    delete result[name];
    if (as !== undefined) result[as] = written;
  }
  return result ?? value;
}
