import { apiVersions, formatDuration, type Operation, operations, type SchemaNode } from "@kyanite/contract";
import type { RawRequest } from "@kyanite/testkit";
import fc from "fast-check";

/** A request that may or may not make sense. */
export interface FuzzedRequest {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly request: RawRequest;
}

/** What has broken servers before: wrong types, bounds, control characters, half pairs, huge and empty things. */
const hostile: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, 0, -1, 1.5, 2 ** 31, -(2 ** 31) - 1, 2 ** 53, 1e308, "", " ", "\u0000"),
  fc.constantFrom<unknown>("\ud800", "../../etc/passwd", "P10675199DT2H48M5.4775807S", "P99999999999D", "-PT1S", "%00"),
  fc.constantFrom<unknown>("9999-12-31T23:59:59.9999999Z", "0001-01-01T00:00:00Z", "275760-09-13T00:00:00Z"),
  fc.constantFrom<unknown>([], {}, [null], [[]], { a: { b: {} } }, "x".repeat(5_000), { __proto__: null, toString: 1 }),
  fc.string({ unit: "binary", maxLength: 70 }),
  fc.jsonValue({ maxDepth: 2 }),
);

/** Ids that exist, that will, and that cannot. */
const ids = fc.oneof(
  { weight: 25, arbitrary: fc.constantFrom("seed", "seed", "seed", "SEED", "a", "b") },
  { weight: 1, arbitrary: fc.string({ unit: "binary", minLength: 1, maxLength: 12 }) },
);

const durations = fc.oneof(
  fc.integer({ min: 0, max: 10_000_000 }).map(formatDuration),
  fc.constantFrom("PT5M", "P7D", "P10675199DT2H48M5.4775807S", "P10675199D"),
);

function text(schema: SchemaNode, name: string): fc.Arbitrary<unknown> {
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.format === "duration") return durations;
  if (schema.format === "date-time")
    return fc
      .date({ noInvalidDate: true, min: new Date("0001-01-01"), max: new Date("9999-12-31") })
      .map((date) => date.toISOString());
  if (schema.format === "int64") return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
  if (name === "id")
    return fc.oneof(
      ids,
      fc.nat(1_000_000).map((n) => `n${n}`),
    );
  if (/id$/i.test(name)) return ids;
  if (name === "vmSize") return fc.constantFrom("standard_d2s_v3", "STANDARD_A1", "small");
  if (name === "nodeAgentSKUId") return fc.constant("batch.node.ubuntu 22.04");
  if (/url$/i.test(name)) return fc.constantFrom("http://127.0.0.1:9/x?sig=y", "https://h/c", "ftp://h", "http://");
  return fc.string({ unit: "grapheme", maxLength: 30 });
}

/** A value that mostly fits a schema. */
function fitting(schema: SchemaNode, name: string, depth = 0): fc.Arbitrary<unknown> {
  const [type] = [schema.type].flat();
  if (schema.properties) return fittingObject(schema, depth);
  if (schema.items) return fc.array(spoilt(fitting(schema.items, name, depth + 1)), { maxLength: depth > 2 ? 1 : 3 });
  switch (type) {
    case "integer":
    case "number":
      return fc.integer({ min: Math.max(schema.minimum ?? -5, -2_000), max: Math.min(schema.maximum ?? 200, 5_000) });
    case "boolean":
      return fc.boolean();
    case "object":
      return fc.dictionary(fc.string({ maxLength: 5 }), fc.string({ maxLength: 5 }), { maxKeys: 2 });
    default:
      return text(schema, name);
  }
}

const image = { publisher: "canonical", offer: "0001-com-ubuntu-server-jammy", sku: "22_04-lts", version: "latest" };

function fittingObject({ properties = {}, required = [], title }: SchemaNode, depth: number): fc.Arbitrary<unknown> {
  if (title === "ImageReference") return spoilt(fc.constant(image));
  const members = Object.entries(properties).map(([name, property]) => {
    const value = spoilt(fitting(property, name, depth + 1));
    const frequency = required.includes(name) ? 30 : depth === 0 ? 0.4 : 0.25;
    return [
      name,
      required.includes(name) ? fc.option(value, { nil: undefined, freq: frequency }) : rarely(value),
    ] as const;
  });
  return fc.record(Object.fromEntries(members), { noNullPrototype: true });
}

const rarely = (value: fc.Arbitrary<unknown>) =>
  fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });

const spoilt = (value: fc.Arbitrary<unknown>) =>
  fc.oneof({ weight: 200, arbitrary: value }, { weight: 1, arbitrary: hostile });

const wellFormed = (value: string) => value.replaceAll(/\p{Surrogate}/gu, "");

const queryValues = fc.oneof(
  fc.constantFrom(
    "id eq 'a'",
    "state eq 'active'",
    "startswith(id,'a') or creationTime gt DateTime'2020-01-01'",
    "stats",
  ),
  fc.constantFrom("id", "id, state", "*", "true", "false", "1", "1000", "-1", "2025-01-01T00:00:00Z", "MTph"),
  fc.string({ unit: "binary", maxLength: 40 }).map((value) => wellFormed(value)),
);

const queries = ({ query = {} }: Operation) =>
  fc.dictionary(fc.constantFrom(...Object.keys(query), "timeout", "$skiptoken", "color"), queryValues, {
    maxKeys: 2,
    noNullPrototype: true,
  });

const headers = fc.dictionary(
  fc.constantFrom("if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "ocp-range", "content-type"),
  fc.constantFrom(
    "*",
    "0x1",
    "Tue, 29 Jul 2025 21:49:13 GMT",
    "bytes=0-5",
    "bytes=9-1",
    "text/plain",
    "application/json",
  ),
  { maxKeys: 2, noNullPrototype: true },
);

function pathOf({ path }: Operation): fc.Arbitrary<string> {
  const parts = path.split(/(\{\w+\})/);
  return fc
    .tuple(...parts.map((part) => (part.startsWith("{") ? ids.map(segment) : fc.constant(part))))
    .map((all) => all.join(""));
}

const segment = (id: string) => encodeURIComponent(wellFormed(id)) || "x";

const rawBodies = fc.oneof(fc.string({ unit: "binary", maxLength: 50 }), fc.json({ maxDepth: 3 }));

function bodies({ body }: Operation): fc.Arbitrary<unknown> {
  if (!body) return fc.constant(undefined);
  return fc.oneof({ weight: 20, arbitrary: fitting(body, "") }, { weight: 1, arbitrary: rawBodies });
}

const versions = fc.oneof(
  { weight: 3, arbitrary: fc.constant<string>("2024-07-01.20.0") },
  { weight: 2, arbitrary: fc.constantFrom<string>(...apiVersions) },
);

/** Requests for every operation, most of which get past the first checks. */
export const requests: fc.Arbitrary<FuzzedRequest> = fc.oneof(
  ...Object.entries<Operation>(operations).map(([name, operation]) =>
    fc
      .record({
        path: pathOf(operation),
        body: bodies(operation),
        version: versions,
        query: fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: queries(operation) }),
        headers: fc.oneof({ weight: 4, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: headers }),
      })
      .map(({ path, ...request }) => ({ name, method: operation.method, path, request })),
  ),
);
