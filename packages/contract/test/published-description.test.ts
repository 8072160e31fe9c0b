import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  type ApiVersion,
  isKnownIn,
  isOlder,
  type Operation,
  operations,
  queryIn,
  type SchemaNode,
} from "../src/index.ts";

/** Compares the contract with the published descriptions, where a copy of them lies beside the repository. */

const folder = new URL("../../../../shared/spec/", import.meta.url);
const published = (version: ApiVersion) => new URL(`dataplane-${version}.json`, folder);
const versions = ["2022-10-01.16.0", "2025-06-01", "2026-10-01"] as const;
const isPresent = versions.every((version) => existsSync(published(version)));
if (!isPresent) console.warn("SKIPPED: no copy of the published descriptions in ../shared/spec; contract not compared");

interface PublishedSchema extends SchemaNode {
  readonly $ref?: string;
  readonly const?: string;
  readonly items?: PublishedSchema;
  readonly properties?: Readonly<Record<string, PublishedSchema>>;
}

interface PublishedOperation {
  readonly operationId: string;
  readonly newOperationId?: string;
  readonly httpMethod: string;
  readonly path: string;
  readonly queryParams: readonly (string | { readonly name: string; readonly maximum?: number })[];
  readonly headerParams: readonly (string | { readonly name: string })[];
  readonly requestBody?: { readonly $ref: string; readonly required?: boolean };
  readonly responses: Readonly<Record<string, { readonly body?: PublishedSchema }>>;
}

interface Description {
  readonly operations: readonly PublishedOperation[];
  readonly $defs: Readonly<Record<string, PublishedSchema>>;
}

function read(version: ApiVersion): Description {
  return JSON.parse(readFileSync(published(version), "utf8"));
}

const nameOf = (parameter: string | { readonly name: string }) =>
  typeof parameter === "string" ? parameter : parameter.name;

const common = ["api-version", "timeout"];

interface Comparison {
  readonly description: Description;
  readonly version: ApiVersion;
  /** Models looked at already. */
  readonly seen: Set<string>;
}

const differs = (what: string, mine: unknown, theirs: unknown): readonly string[] =>
  mine === theirs ? [] : [`${what}: ${mine} instead of ${theirs}`];

function differences(
  mine: SchemaNode,
  reference: PublishedSchema,
  path: string,
  within: Comparison,
): readonly string[] {
  const name = reference.$ref?.split("/").at(-1);
  const theirs = (name && within.description.$defs[name]) || reference;
  if (name === "Int64") return differs(path, mine.format, "int64");
  const values = theirs.const ? [theirs.const] : theirs.enum;
  if (values) return differs(path, spellings(valuesIn(mine, within.version)), spellings(values));
  const ofType = differs(`${path} type`, [mine.type].flat().at(0), theirs.type);
  if (theirs.items && mine.items) return [...ofType, ...differences(mine.items, theirs.items, `${path}[]`, within)];
  if (!theirs.properties || name === undefined || within.seen.has(name)) return ofType;
  within.seen.add(name);
  return [...ofType, ...differs(`${path} title`, mine.title, name), ...modelDifferences(mine, theirs, path, within)];
}

const spellings = (values: readonly unknown[]) =>
  values
    .map((value) => String(value).toLowerCase())
    .sort()
    .join(" ");

const valuesIn = (schema: SchemaNode, version: ApiVersion) =>
  (schema.enum ?? []).filter((value) => isKnownIn(version, schema.lifespans?.[String(value)] ?? {}));

function modelDifferences(mine: SchemaNode, theirs: PublishedSchema, path: string, within: Comparison): string[] {
  const known = new Map(
    Object.entries(mine.properties ?? {}).filter(([, schema]) => isKnownIn(within.version, schema) && !schema.addition),
  );
  const published = Object.entries(theirs.properties ?? {});
  const extra = [...known.keys()].filter((name) => !theirs.properties?.[name]);
  const optional = (theirs.required ?? []).filter((name) => !isRequired(mine, name, within.version));
  return [
    ...extra.map((name) => `${path}.${name} is not published`),
    ...optional.map((name) => `${path}.${name} is not required`),
    ...published.flatMap(([name, property]) => {
      const own = known.get(name);
      return own ? differences(own, property, `${path}.${name}`, within) : [`${path}.${name} is missing`];
    }),
  ];
}

function isRequired({ required = [], properties }: SchemaNode, name: string, version: ApiVersion): boolean {
  const before = properties?.[name]?.requiredBefore;
  return required.includes(name) || (before !== undefined && isOlder(version, before));
}

/** For a list, the published body is the page, ours one element. */
function publishedElement(body: PublishedSchema, description: Description, shape: Operation["shape"]) {
  const page = description.$defs[body.$ref?.split("/").at(-1) ?? ""];
  return shape === "list" ? (page?.properties?.value?.items ?? body) : body;
}

describe.skipIf(!isPresent).each(versions)("in api-version %s", (version) => {
  const description = isPresent ? read(version) : { operations: [], $defs: {} };
  const entries: [string, Operation][] = Object.entries(operations);
  const ours = new Map(entries.filter(([, operation]) => isKnownIn(version, operation)));

  test("the operations are the published ones", () => {
    expect([...ours.keys()].sort()).toEqual(description.operations.map(({ operationId }) => operationId).sort());
  });

  test.each(description.operations.map((operation) => [operation.operationId, operation] as const))(
    "%s is as published",
    (name, theirs) => {
      const mine = ours.get(name);
      if (!mine) throw new Error(`${name} is missing`);
      const success = Object.entries(theirs.responses).find(([status]) => status.startsWith("2"));
      expect({
        method: mine.method,
        path: mine.path,
        status: String(mine.status),
        query: Object.entries(queryIn(mine, version))
          .filter(([, schema]) => !schema.addition)
          .map(([parameter]) => parameter.toLowerCase())
          .sort(),
        bodyRequired: mine.body && !mine.bodyOptional,
        conditions: mine.conditions,
        range: mine.range,
        newName: theirs.newOperationId && mine.newName,
      }).toEqual({
        method: theirs.httpMethod,
        path: theirs.path,
        status: success?.[0],
        query: theirs.queryParams
          .map((parameter) => nameOf(parameter).toLowerCase())
          .filter((parameter) => !common.includes(parameter))
          .sort(),
        bodyRequired: theirs.requestBody?.required,
        conditions: publishedConditions(theirs),
        range: theirs.headerParams.some((parameter) => nameOf(parameter) === "ocp-range") || undefined,
        newName: theirs.newOperationId,
      });
    },
  );

  test.each(description.operations.map((operation) => [operation.operationId, operation] as const))(
    "the models of %s are as published",
    (name, theirs) => {
      const mine = ours.get(name);
      const success = Object.entries(theirs.responses).find(([status]) => status.startsWith("2"))?.[1];
      const within = { description, version, seen: new Set<string>() };
      const ofBody =
        mine?.body && theirs.requestBody
          ? differences(mine.body, { $ref: theirs.requestBody.$ref }, "body", within)
          : [];
      const element = success?.body && publishedElement(success.body, description, mine?.shape);
      const ofAnswer = mine?.response && element ? differences(mine.response, element, "answer", within) : [];
      expect([...ofBody, ...ofAnswer]).toEqual([]);
      expect(mine?.body === undefined).toBe(theirs.requestBody === undefined);
    },
  );
});

function publishedConditions({ headerParams }: PublishedOperation): Operation["conditions"] {
  const names = headerParams.map(nameOf);
  if (names.includes("If-Match")) return "all";
  return names.includes("If-Modified-Since") ? "dates" : undefined;
}
