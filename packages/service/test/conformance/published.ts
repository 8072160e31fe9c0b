import { existsSync, readFileSync } from "node:fs";
import { type ApiVersion, type OperationName, openApiDocument } from "@kyanite/contract";
import { Ajv } from "ajv";

/** The published descriptions, where a copy of them lies beside the repository. */
const folder = new URL("../../../../../shared/spec/", import.meta.url);
const fileOf = (version: ApiVersion) => new URL(`dataplane-${version}.json`, folder);
export const arePublished = (["2022-10-01.16.0", "2025-06-01"] as const).every((version) =>
  existsSync(fileOf(version)),
);

/** Says what is wrong with the body of a successful answer; undefined when nothing is. */
export type CheckAnswer = (operation: OperationName, body: unknown) => string | undefined;

interface Published {
  readonly operations: readonly {
    readonly operationId: string;
    readonly responses: Readonly<Record<string, { readonly body?: object }>>;
  }[];
  readonly $defs: object;
}

/** By the published description of the version where there is one, otherwise by our own OpenAPI document. */
export function answerChecker(version: ApiVersion): CheckAnswer {
  return existsSync(fileOf(version)) ? byDescription(version) : byContract(version);
}

function byDescription(version: ApiVersion): CheckAnswer {
  const { operations, $defs }: Published = JSON.parse(readFileSync(fileOf(version), "utf8"));
  const ajv = new Ajv({ strict: false, validateFormats: false });
  ajv.addSchema({ $id: "published", $defs: exact($defs) });
  return (operation, body) => {
    const { responses = {} } = operations.find(({ operationId }) => operationId === operation) ?? {};
    const schema = Object.entries(responses).find(([status]) => status.startsWith("2"))?.[1].body;
    if (!schema || "stream" in schema) return undefined;
    return problem(ajv, { $id: undefined, ...atPublished(exact(schema)) }, body);
  };
}

const atPublished = (schema: object): object =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"published#/$defs/'));

function byContract(version: ApiVersion): CheckAnswer {
  const document: { paths: Record<string, Record<string, unknown>>; components: object } = JSON.parse(
    JSON.stringify(openApiDocument("http://service", version)),
  );
  const ajv = new Ajv({ strict: false, validateFormats: false });
  ajv.addSchema({ $id: "ours", components: exact(document.components) });
  const answers = new Map(
    Object.values(document.paths)
      .flatMap((methods) => Object.values(methods))
      .map((described) => [Object(described).operationId, Object(described).responses]),
  );
  return (operation, body) => {
    const success = Object.entries(Object(answers.get(operation))).find(([status]) => status.startsWith("2"))?.[1];
    const schema = Object.values(Object(Object(success).content))[0];
    const found: unknown = Object(schema).schema;
    if (typeof found !== "object" || found === null || "format" in found) return undefined;
    return problem(
      ajv,
      JSON.parse(JSON.stringify(exact(found)).replaceAll('"#/components/', '"ours#/components/')),
      body,
    );
  };
}

function problem(ajv: Ajv, schema: object, body: unknown): string | undefined {
  return ajv.validate(schema, withoutAnnotations(body)) ? undefined : ajv.errorsText(ajv.errors);
}

/** Annotations, and what this server adds to published models, are not described. */
const undescribed = ["odata.metadata", "trigger", "statements"];

function withoutAnnotations(body: unknown): unknown {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return body;
  return Object.fromEntries(Object.entries(body).filter(([name]) => !undescribed.includes(name)));
}

/**
 * No member beyond those described; values of enumerations in any case; 64-bit integers as the texts that travel,
 * although some descriptions call them integers.
 */
function exact(schema: unknown): object {
  return Object(rewritten(schema));
}

function rewritten(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(rewritten);
  if (typeof schema !== "object" || schema === null) return schema;
  const { enum: values, const: value, ...others } = Object(schema);
  const rest = others.type === undefined ? Object(schema) : others;
  if (typeof rest.type === "string" && (Array.isArray(values) || typeof value === "string"))
    return { type: "string", pattern: anyCase(Array.isArray(values) ? values : [value]) };
  if (rest.type === "integer" && rest.format === "int64") return { type: "string", pattern: "^-?[0-9]+$" };
  const members = Object.fromEntries(Object.entries(rest).map(([name, each]) => [name, rewritten(each)]));
  const isClosed = rest.type === "object" && rest.properties !== undefined && rest.additionalProperties === undefined;
  return isClosed ? { ...members, additionalProperties: false } : members;
}

function anyCase(values: readonly unknown[]): string {
  const letters = (text: string) =>
    [...text].map((letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`).join("");
  return `^(${values.map((each) => letters(String(each))).join("|")})$`;
}
