import { durationPattern } from "./duration.ts";
import type { SchemaNode } from "./schema.ts";
import { type ApiVersion, isKnownIn, isOlder } from "./versions.ts";

/** Keywords of ours that mean something to this project only, and would confuse a reader of the document. */
const ownKeywords = new Set([
  "since",
  "removed",
  "formerName",
  "renamedIn",
  "requiredBefore",
  "secret",
  "errorCode",
  "formerBounds",
  "lifespans",
  "ignores",
  "minimumDuration",
  "maximumDuration",
  "maxTotalLength",
  "note",
  "addition",
]);

/** Plain JSON Schema of the version; what has a title goes into `models` and is referred to. */
export function describeSchema(schema: SchemaNode, version: ApiVersion, models: Map<string, object>): object {
  const { title, note } = schema;
  if (title === undefined) return plainSchema(schema, version, models);
  if (!models.has(title)) {
    models.set(title, {});
    models.set(title, plainSchema(schema, version, models));
  }
  return { $ref: `#/components/schemas/${title}`, ...(note !== undefined && { description: note }) };
}

function plainSchema(schema: SchemaNode, version: ApiVersion, models: Map<string, object>): object {
  const kept = Object.entries(schema).filter(([keyword]) => !ownKeywords.has(keyword));
  const isDuration = schema.format === "duration";
  const { properties, required, items, lifespans, secret, addition } = schema;
  return {
    ...Object.fromEntries(isDuration ? kept.filter(([keyword]) => keyword !== "format") : kept),
    ...(isDuration && describeDuration(schema)),
    ...(secret && { writeOnly: true }),
    ...(addition && { "x-kyanite-addition": true }),
    ...(lifespans && { enum: schema.enum?.filter((value) => isKnownIn(version, lifespans[String(value)] ?? {})) }),
    ...(items && { items: describeSchema(items, version, models) }),
    ...(properties && describeProperties(properties, required, version, models)),
  };
}

/** JSON Schema's durations have no fractions, and take weeks by themselves only, so the form is told as a pattern. */
function describeDuration({ description, minimumDuration, maximumDuration }: SchemaNode): object {
  const told = [
    description,
    "A duration in ISO 8601.",
    minimumDuration && `At least ${minimumDuration}.`,
    maximumDuration && `At most ${maximumDuration}.`,
  ];
  return { pattern: durationPattern, description: told.filter(Boolean).join(" ") };
}

function describeProperties(
  properties: Readonly<Record<string, SchemaNode>>,
  required: readonly string[] = [],
  version: ApiVersion,
  models: Map<string, object>,
): object {
  const known = Object.entries(properties).filter(([, property]) => isKnownIn(version, property));
  const demanded = known.filter(([name, { requiredBefore }]) => {
    return required.includes(name) || (requiredBefore !== undefined && isOlder(version, requiredBefore));
  });
  return {
    properties: Object.fromEntries(
      known.map(([name, property]) => [nameIn(name, property, version), describeSchema(property, version, models)]),
    ),
    required: demanded.map(([name, property]) => nameIn(name, property, version)),
  };
}

function nameIn(name: string, { formerName, renamedIn }: SchemaNode, version: ApiVersion): string {
  return formerName !== undefined && renamedIn !== undefined && isOlder(version, renamedIn) ? formerName : name;
}
