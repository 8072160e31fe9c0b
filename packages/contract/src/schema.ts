import Type, { type Static, type TProperties, type TSchema } from "typebox";
import type { ErrorCode } from "./errors.ts";
import type { ApiVersion, Lifespan } from "./versions.ts";

/**
 * The vocabulary of the contract: JSON Schema plus a few keywords of ours, all plain data. `check-document.ts`,
 * `read-document.ts` and `write-document.ts` understand them. A property's keywords stand on the schema of its value.
 */
export interface Keywords extends Lifespan {
  /** What the property is for, where its value is a model with a description of its own. */
  readonly note?: string;
  /** What the property was called in versions older than `renamedIn`; accepted in any. */
  readonly formerName?: string;
  readonly renamedIn?: ApiVersion;
  /** The property is optional, but had to be given in versions older than this one. */
  readonly requiredBefore?: ApiVersion;
  /** Accepted, stored, and never returned. */
  readonly secret?: true;
  /** Set by the service; dropped when a client sends it. */
  readonly readOnly?: true;
  /** Error that a broken rule of this schema causes, where it is not `InvalidPropertyValue`. */
  readonly errorCode?: ErrorCode;
  /** Bounds of a number in versions older than `before`. */
  readonly formerBounds?: { readonly before: ApiVersion; readonly maximum: number; readonly default: number };
  /** Values of an enumeration that only some versions know. */
  readonly lifespans?: Readonly<Record<string, Lifespan>>;
  /** Members that a whole-resource body may carry and that mean nothing to the operation. */
  readonly ignores?: readonly string[];
  /** ISO 8601. */
  readonly minimumDuration?: string;
  readonly maximumDuration?: string;
  /** Longest total of the strings of an array. */
  readonly maxTotalLength?: number;
  /** Not part of the published API: this server's own, which clients of the published one do not miss. */
  readonly addition?: true;
}

/** A schema as its readers see it, whichever builder made it. */
export interface SchemaNode extends Keywords {
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly title?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly items?: SchemaNode;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** A copy with more keywords; TypeBox keeps its own marks in hidden properties, which have to come along. */
function annotate<S extends TSchema>(schema: S, keywords: SchemaNode): S {
  const copy = Object.defineProperties({ ...schema }, Object.getOwnPropertyDescriptors(schema));
  return Object.assign(copy, keywords);
}

/** Text about a property; a model keeps its own description, which is about all its uses. */
function describedAs<S extends TSchema>(schema: S, text: string): S {
  return annotate(schema, "title" in schema ? { note: text } : { description: text });
}

/** An object with a name, which is its name in the OpenAPI document. */
export const model = <P extends TProperties>(title: string, description: string, properties: P, more: Keywords = {}) =>
  Type.Object(properties, { title, description, ...more });

export const optional = <S extends TSchema>(schema: S, description?: string) =>
  Type.Optional(description === undefined ? schema : describedAs(schema, description));

export const required = <S extends TSchema>(schema: S, description: string): S => describedAs(schema, description);

/** Present from this version on. */
export const since = <S extends TSchema>(version: ApiVersion, schema: S): S => annotate(schema, { since: version });

/** Absent from this version on. */
export const until = <S extends TSchema>(version: ApiVersion, schema: S): S => annotate(schema, { removed: version });

/** This server's own, beside what is published. */
export const addition = <S extends TSchema>(schema: S): S => annotate(schema, { addition: true });

export const secret = <S extends TSchema>(schema: S): S => annotate(schema, { secret: true });

export const readOnly = <S extends TSchema>(schema: S): S => annotate(schema, { readOnly: true });

export const renamed = <S extends TSchema>(formerName: string, renamedIn: ApiVersion, schema: S): S =>
  annotate(schema, { formerName, renamedIn });

export const requiredBefore = <S extends TSchema>(version: ApiVersion, schema: S): S =>
  annotate(schema, { requiredBefore: version });

/** One of these values, spelt as the service sends it, and matched without case. */
export const StringEnum = <const Values extends string[]>(
  values: readonly [...Values],
  more: Keywords & { readonly title?: string; readonly description?: string; readonly default?: Values[number] } = {},
) => Type.Enum(values, { type: "string", ...more });

export const Id = Type.String({ pattern: "^[A-Za-z0-9_-]{1,64}$" });

export const DisplayName = Type.String({ maxLength: 1024, description: "Free text for people; need not be unique." });

/** ISO 8601, fractions of a second included. No limit is written as the largest .NET TimeSpan. */
export const Duration = (bounds: { readonly minimumDuration?: string; readonly maximumDuration?: string } = {}) =>
  Type.String({ format: "duration", ...bounds });

/** ISO 8601 with a time zone, or a date alone. The service writes UTC with up to seven fractional digits. */
export const DateTime = () => Type.String({ format: "date-time" });

export const Int32 = (
  bounds: { readonly minimum?: number; readonly maximum?: number; readonly default?: number } = {},
) => Type.Integer({ minimum: -2_147_483_648, maximum: 2_147_483_647, ...bounds });

/** A 64-bit integer. It travels as a string of digits, because JSON numbers lose precision; a number is accepted. */
export const Int64 = () =>
  Type.Unsafe<string>({ type: ["string", "integer"], format: "int64", pattern: "^-?[0-9]{1,19}$" });

/** How often a run is repeated after a failure: −1 without limit, 0 not at all. */
export const RetryCount = () => Int32({ minimum: -1 });

/** Any JSON object. */
export const FreeObject = () => Type.Record(Type.String(), Type.Unknown());

export const NameValuePair = model("NameValuePair", "One fact, as errors carry them.", {
  name: optional(Type.String()),
  value: optional(Type.String()),
});

export type NameValuePair = Static<typeof NameValuePair>;

export const MetadataItem = model("MetadataItem", "A name and a value that mean something to the client alone.", {
  name: Type.String({ minLength: 1, errorCode: "EmptyMetadataKey" }),
  value: Type.String(),
});
export type MetadataItem = Static<typeof MetadataItem>;

export const Metadata = () => Type.Array(MetadataItem);
