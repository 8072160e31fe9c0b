import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  type ApiVersion,
  checkDocument,
  isApiVersion,
  isKnownIn,
  type Operation,
  operations,
  readDocument,
} from "../src/index.ts";

/** Requests and answers as they travelled or are published, where a copy of them lies beside the repository. */

const folder = new URL("../../../../shared/spec/examples/", import.meta.url);
const isPresent = existsSync(folder);
if (!isPresent) console.warn("SKIPPED: no copy of the published examples in ../shared/spec/examples");

interface Example {
  readonly operationId: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly responses: Readonly<Record<string, { readonly body?: unknown }>>;
}

interface Capture {
  readonly name: string;
  readonly request: { readonly method: string; readonly path: string; readonly body?: unknown };
  readonly response: { readonly status: number; readonly body?: unknown };
}

const entries: [string, Operation][] = Object.entries(operations);
const parse = (path: string) => JSON.parse(readFileSync(new URL(path, folder), "utf8"));

const examples: [string, ApiVersion, Example][] = isPresent
  ? (["2025-06-01", "2026-10-01"] as const).flatMap((version) =>
      readdirSync(new URL(`${version}/`, folder)).map((file): [string, ApiVersion, Example] => [
        `${version}/${file}`,
        version,
        parse(`${version}/${file}`),
      ]),
    )
  : [];

const captures: [string, Capture][] = isPresent
  ? parse("wire-captures.json").captures.map((capture: Capture) => [capture.name, capture])
  : [];

/** Parameters of an example that are not its body. */
const notBodies = ["batchUrl", "api-version", "client-request-id", "ocp-date"];

function bodyOf({ parameters }: Example): unknown {
  const objects = Object.entries(parameters).filter(([name, value]) => !notBodies.includes(name) && isObject(value));
  return objects[0]?.[1];
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

describe.skipIf(!isPresent)("published examples", () => {
  test.each(examples)("%s fits the contract", (_, version, example) => {
    const operation = entries.find(([, { newName }]) => newName === example.operationId)?.[1];
    if (!operation) throw new Error(`no operation ${example.operationId}`);
    const body = bodyOf(example);
    if (operation.body) expect(checked(operation.body, body, version)).toEqual(expect.anything());
    const answer = Object.values(example.responses)[0]?.body;
    for (const element of elementsOf(operation, answer)) expect(knownMembers(operation, element, version)).toEqual([]);
  });
});

function checked(schema: NonNullable<Operation["body"]>, body: unknown, version: ApiVersion): unknown {
  const read = readDocument(schema, body, version);
  checkDocument(schema, read);
  return read;
}

function elementsOf({ shape, response }: Operation, answer: unknown): readonly unknown[] {
  if (!response || !isObject(answer)) return [];
  return shape === "list" && "value" in answer ? [answer.value].flat() : [answer];
}

/** Members of an answer that our model does not have are refused by the reader like those of a request. */
function knownMembers({ response = {} }: Operation, element: unknown, version: ApiVersion): readonly unknown[] {
  try {
    readDocument(response, element, version);
    return [];
  } catch (error) {
    return [error];
  }
}

describe.skipIf(!isPresent)("recorded traffic", () => {
  const ofDataPlane = captures.filter(([name]) => !name.startsWith("management plane"));
  test.each(ofDataPlane)("%s fits the contract", (_, { request, response }) => {
    const [path = "", query = ""] = request.path.split("?");
    const version = new URLSearchParams(query).get("api-version") ?? "2022-10-01.16.0";
    if (!isApiVersion(version)) throw new Error(`unknown version ${version}`);
    const operation = entries.find(([, one]) => isKnownIn(version, one) && fits(one, request.method, path))?.[1];
    if (!operation) throw new Error(`no operation ${request.method} ${path}`);
    if (operation.body && isObject(request.body)) checked(operation.body, request.body, version);
    if (response.status < 300) expect(response.status).toBe(operation.status);
    const elements = response.status < 300 ? elementsOf(operation, response.body) : [];
    for (const element of elements) expect(knownMembers(operation, element, version)).toEqual([]);
  });
});

function fits({ method, path }: Operation, wanted: string, actual: string): boolean {
  const pattern = path
    .replace(/[()]/g, "\\$&")
    .replaceAll("{filePath}", ".+")
    .replace(/\{\w+\}/g, "[^/]+");
  return method === wanted && new RegExp(`^${pattern}$`).test(actual);
}
