import type { TSchema } from "typebox";
import { type ErrorCode, errorCodes } from "./errors.ts";
import { describeSchema } from "./openapi-schema.ts";
import { errorsOf, type Operation, queryIn, timeoutSchema } from "./operation.ts";
import { allOperations } from "./operations.ts";
import type { SchemaNode } from "./schema.ts";
import { BatchErrorBody } from "./task-models.ts";
import { type ApiVersion, isKnownIn, isOlder } from "./versions.ts";
import { nameIn } from "./write-document.ts";

/** The data plane in one version as an OpenAPI 3.1 document; models stand under their names in `components`. */
export function openApiDocument(serverUrl: string, version: ApiVersion): object {
  const models = new Map<string, object>();
  const describe = (schema: TSchema) => describeSchema(schema, version, models);
  const paths: Record<string, Record<string, object>> = {};
  const entries: [string, Operation][] = Object.entries(allOperations);
  for (const [name, operation] of entries.filter(([, operation]) => isKnownIn(version, operation)))
    paths[operation.path] = {
      ...paths[operation.path],
      [operation.method.toLowerCase()]: describeOperation(name, operation, version, describe),
    };
  return {
    openapi: "3.1.0",
    info: { title: "Batch service", version },
    servers: [{ url: serverUrl }],
    security: [{ sharedKey: [] }, { bearer: [] }],
    paths,
    components: {
      schemas: Object.fromEntries([...models].sort(([one], [other]) => (one < other ? -1 : 1))),
      securitySchemes: {
        sharedKey: { type: "apiKey", in: "header", name: "Authorization", description: "SharedKey ACCOUNT:SIGNATURE" },
        bearer: { type: "http", scheme: "bearer" },
      },
    },
  };
}

type Describe = (schema: TSchema) => object;

function describeOperation(name: string, operation: Operation, version: ApiVersion, describe: Describe): object {
  const { body, bodyOptional, newName, summary, status } = operation;
  return {
    operationId: isOlder(version, "2025-06-01") ? name : (newName ?? name),
    summary,
    tags: [name.split("_")[0]],
    parameters: parametersOf(operation, version, describe),
    ...(body && { requestBody: { required: !bodyOptional, content: json(describe(body)) } }),
    responses: {
      [status]: answerOf(operation, describe),
      ...notModified(operation),
      ...errorAnswers(operation, describe),
    },
  };
}

const mediaType = "application/json; odata=minimalmetadata";

const json = (schema: object) => ({ [mediaType]: { schema } });

function errorAnswers(operation: Operation, describe: Describe): Readonly<Record<string, object>> {
  const codesByStatus: Record<number, ErrorCode[]> = {};
  for (const code of errorsOf(operation)) {
    const [status] = errorCodes[code];
    codesByStatus[status] = [...(codesByStatus[status] ?? []), code];
  }
  const content = operation.method === "HEAD" ? {} : { content: json(describe(BatchErrorBody)) };
  return Object.fromEntries(
    Object.entries(codesByStatus).map(([status, codes]) => [status, { description: codes.join(", "), ...content }]),
  );
}

/** What a read is answered whose client has the present version. */
function notModified({ method, conditions }: Operation): object {
  if (!conditions || (method !== "GET" && method !== "HEAD")) return {};
  return { 304: { description: "The client has the present version." } };
}

function answerOf(operation: Operation, describe: Describe): object {
  const headers = Object.fromEntries(
    [...(operation.entity ? ["ETag", "Last-Modified"] : []), ...(operation.dataServiceId ? ["DataServiceId"] : [])].map(
      (name) => [name, { schema: { type: "string" } }],
    ),
  );
  return { description: "Done", headers, ...contentOf(operation, describe) };
}

function contentOf({ shape, response, grows, eventStream }: Operation, describe: Describe): object {
  const events = eventStream && { "text/event-stream": { schema: { type: "string" } } };
  if (shape === "stream") return { content: { "application/octet-stream": {}, ...events } };
  if (!response) return {};
  if (shape !== "list") return { content: json(describe(response)) };
  const properties = {
    value: { type: "array", items: describe(response) },
    "odata.nextLink": { type: "string", description: "Where the next page is; absent on the last." },
    ...(grows && { cursor: { type: "string", description: "On the last page: where to go on when there is more." } }),
  };
  return { content: { ...json({ type: "object", properties, required: ["value"] }), ...events } };
}

const conditionHeaders = {
  all: ["If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"],
  dates: ["If-Modified-Since", "If-Unmodified-Since"],
};

const text = { type: "string" };

const id = { type: "string", pattern: "^[A-Za-z0-9_-]{1,64}$" };

/** Jobs of schedules have a colon in their ids, nodes and users other signs. */
const pathForms: Readonly<Record<string, object>> = {
  poolId: id,
  taskId: id,
  jobScheduleId: id,
  jobId: { type: "string", pattern: "^[A-Za-z0-9_:-]{1,80}$" },
};

const httpDate = {
  type: "string",
  pattern:
    "^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), (0[1-9]|[12][0-9]|3[01]) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) " +
    "[0-9]{4} ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9] GMT$",
  description: "A date as HTTP has it, such as `Sat, 31 Jan 2026 12:00:00 GMT`.",
};

const headerForms: Readonly<Record<string, object>> = {
  "If-Modified-Since": httpDate,
  "If-Unmodified-Since": httpDate,
  "ocp-date": httpDate,
  "ocp-range": { type: "string", pattern: "^bytes=[0-9]{1,15}-([0-9]{1,15})?$" },
  "return-client-request-id": { type: "string", enum: ["true", "false"] },
};

/** Names of what the answer shows. */
function selectForm({ response = {} }: Operation, version: ApiVersion): object {
  const { properties = {} }: SchemaNode = response;
  const names = Object.entries(properties).flatMap(([name, property]) => nameIn(name, property, version) ?? []);
  const either = `(${names.join("|")})`;
  return { type: "string", pattern: `^${either}(,${either})*$`, description: "Names of properties, with commas." };
}

function parametersOf(operation: Operation, version: ApiVersion, describe: Describe): readonly object[] {
  const inPath = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  const headers = [
    ...(operation.conditions ? conditionHeaders[operation.conditions] : []),
    ...(operation.range ? ["ocp-range"] : []),
    ...(operation.eventStream ? ["Last-Event-ID"] : []),
    "client-request-id",
    "return-client-request-id",
    "ocp-date",
  ];
  return [
    ...inPath.map((name) => ({ name, in: "path", required: true, schema: pathForms[name ?? ""] ?? text })),
    { name: "api-version", in: "query", required: true, schema: { type: "string", const: version } },
    { name: "timeout", in: "query", schema: timeoutSchema },
    ...Object.entries(queryIn(operation, version)).map(([name, schema]) => ({
      name,
      in: "query",
      schema: name === "$select" ? selectForm(operation, version) : describe(schema),
    })),
    ...headers.map((name) => ({ name, in: "header", schema: headerForms[name] ?? text })),
  ];
}
