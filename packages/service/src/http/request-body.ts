import { isUtf8 } from "node:buffer";
import {
  type AnyOperation,
  type ApiVersion,
  BatchError,
  checkDocument,
  readCollection,
  readDocument,
} from "@kyanite/contract";

export interface BodyRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly readBody: (largestBytes: number) => Promise<Buffer>;
}

type BodyOperation = Pick<AnyOperation, "body" | "bodyOptional" | "collection">;

/** What a plane takes for JSON. */
export interface BodyTypes {
  readonly accepted: RegExp;
  readonly refusal: (type: string) => Error;
}

const largestBodyBytes = 4 * 1024 * 1024;

const largestCollectionBytes = 1024 * 1024;
/** Far deeper than any model; a document without bound would exhaust the stack of whoever walks it. */
const deepestNesting = 64;

/**
 * The body of a request in the newest form, checked by the operation's schema.
 * @param types which content types are read as JSON
 * @throws BatchError RequestBodyTooLarge, ServerBusy, InvalidRequestBody, or what a property breaks
 */
export async function readBody(
  request: BodyRequest,
  operation: BodyOperation,
  version: ApiVersion,
  types: BodyTypes,
): Promise<unknown> {
  const { body: schema, collection } = operation;
  if (!schema) return undefined;
  const body = await request.readBody(collection ? largestCollectionBytes : largestBodyBytes);
  if (body.length === 0) {
    if (operation.bodyOptional) return undefined;
    throw invalidBody("The request needs a body");
  }
  const type = String(request.headers["content-type"] ?? "application/json");
  if (!types.accepted.test(type)) throw types.refusal(type);
  const parsed = parseJson(body);
  if (collection) return readCollection(collection, parsed, version);
  const document = readDocument(schema, parsed, version);
  checkDocument(schema, document);
  return document;
}

export const dataPlaneTypes: BodyTypes = {
  accepted: /^\s*(application|text)\/json\s*(;|$)/i,
  refusal: (type) =>
    new BatchError("InvalidHeaderValue", {
      HeaderName: "Content-Type",
      HeaderValue: type.slice(0, 100),
      Reason: "Expected application/json",
    }),
};

function parseJson(body: Buffer): unknown {
  // Every byte that is none would become three.
  if (!isUtf8(body)) throw invalidBody("The body is not UTF-8");
  const text = body.toString("utf8").replace(/^\uFEFF/, "");
  if (nestsTooDeep(text)) throw invalidBody(`The body is nested deeper than ${deepestNesting} levels`);
  try {
    return /\\u(0000|d[89a-f])/i.test(text) ? JSON.parse(text, checkText) : JSON.parse(text);
  } catch (cause) {
    if (cause instanceof BatchError) throw cause;
    throw invalidBody("The body is not JSON", cause);
  }
}

function nestsTooDeep(text: string): boolean {
  let depth = 0;
  let isText = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (isText) {
      if (character === "\\") at++;
      else if (character === '"') isText = false;
    } else if (character === '"') isText = true;
    else if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
    if (depth > deepestNesting) return true;
  }
  return false;
}

/** What the database cannot keep as text. */
function checkText(name: string, value: unknown): unknown {
  for (const text of [name, value])
    if (typeof text === "string" && (text.includes("\u0000") || /\p{Surrogate}/u.test(text)))
      throw invalidBody("A text may hold neither the character U+0000 nor half of a surrogate pair");
  return value;
}

function invalidBody(reason: string, cause?: unknown): BatchError {
  return new BatchError("InvalidRequestBody", { Reason: reason }, { cause });
}
