import type { Static, TSchema } from "typebox";
import type { ErrorCode } from "./errors.ts";
import type { CollectionElement, CollectionForm } from "./read-collection.ts";
import type { SchemaNode } from "./schema.ts";
import { type ApiVersion, isKnownIn, isOlder, type Lifespan } from "./versions.ts";

/**
 * What an operation asks of a credential: to see, to add and change work, to change the machines that it runs on, or to
 * change the account and see its keys.
 */
export type Access = "read" | "submit" | "operate" | "own";

/** What an operation of either plane says of itself: what reads its requests and writes its answers goes by this. */
export interface AnyOperation extends Lifespan {
  readonly summary: string;
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With `{name}` for each path parameter. */
  readonly path: string;
  /** What a credential has to permit. */
  readonly access: Access;
  /** Whether the operation only answers a question, although its method is one that changes things. */
  readonly changesNothing?: true;
  /** Query parameters beyond those of every operation; names are matched without case. */
  readonly query?: Readonly<Record<string, TSchema>>;
  readonly body?: TSchema;
  readonly bodyOptional?: true;
  /** The elements of the body succeed or fail one by one; the handler gets for each what was read, or why not. */
  readonly collection?: CollectionForm;
  readonly status: 200 | 201 | 202 | 204;
  /** Body of the successful answer. For a list it is the schema of one element. */
  readonly response?: TSchema;
  /** A list is a page of elements and the link to the next one; a stream is bytes; otherwise one object, or nothing. */
  readonly shape?: "list" | "element" | "stream";
  /** Whether a list grows at its end: its pages say under `cursor` where to go on when no page follows. */
  readonly grows?: true;
  /** Whether the answer carries an `ETag`, on the data plane with `Last-Modified`. */
  readonly entity?: true;
}

/**
 * One operation of the data plane, as data: what the router, the validation, the response shaping and the OpenAPI
 * document are derived from. `{filePath}` in its path may hold slashes.
 */
export interface Operation extends AnyOperation {
  /** Name from 2025-06-01 on, if it lived to see it; its key in `operations` is the older name, such as `Pool_Add`. */
  readonly newName?: string;
  /**
   * Whether the operation stays within one job, so that the token of a task of that job is good for it: the job of its
   * path, or whichever the token is for.
   */
  readonly withinJob?: true | "byCaller";
  /** Whether the answer is a stream of server-sent events: for who accepts `text/event-stream`, or for everybody. */
  readonly eventStream?: true | "always";
  /** Conditional request headers: all four, or only the two dates. */
  readonly conditions?: "all" | "dates";
  /** Whether `ocp-range` is accepted. */
  readonly range?: true;
  /** What follows `$metadata#`, without the `/@Element` of a single object; see {@link metadataOf}. */
  readonly set?: string;
  /** Whether the answer carries `DataServiceId`. */
  readonly dataServiceId?: true;
  /** What a request can cause besides the errors every operation has; all of them: {@link errorsOf}. */
  readonly errors: readonly ErrorCode[];
}

/** Keeps the literal types of an operation, so that handlers and clients can be typed from it. */
export function operation<const O extends Operation>(definition: O): O {
  return definition;
}

export type BodyOf<O extends AnyOperation> =
  O["collection"] extends CollectionForm<infer S>
    ? { readonly value: readonly CollectionElement<Static<S>>[] }
    : O["body"] extends TSchema
      ? Static<O["body"]> | (O["bodyOptional"] extends true ? undefined : never)
      : undefined;
export type ResponseOf<O extends AnyOperation> = O["response"] extends TSchema ? Static<O["response"]> : undefined;

/** What follows `$metadata#`: a single object of a set is marked, one that belongs to no set goes by its type's name. */
export function metadataOf({ set, shape }: Operation): string | undefined {
  return set !== undefined && shape === "element" && !set.includes(".") ? `${set}/@Element` : set;
}

/** The query parameter `timeout` of every operation: whole seconds. */
export const timeoutSchema = { type: "integer", minimum: 1, maximum: 2_147_483_647, default: 30 } as const;

/** The query parameters an operation has in this version, with the bounds they have there. */
export function queryIn(
  { query = {} }: Pick<AnyOperation, "query">,
  version: ApiVersion,
): Readonly<Record<string, SchemaNode>> {
  const entries: [string, SchemaNode][] = Object.entries(query);
  return Object.fromEntries(
    entries
      .filter(([, schema]) => isKnownIn(version, schema))
      .map(([name, schema]) => [name, boundsIn(schema, version)]),
  );
}

function boundsIn(schema: SchemaNode, version: ApiVersion): SchemaNode {
  const { formerBounds } = schema;
  if (!formerBounds || !isOlder(version, formerBounds.before)) return schema;
  return { ...schema, maximum: formerBounds.maximum, default: formerBounds.default };
}

const always = [
  "AccountIsDisabled",
  "AuthenticationFailed",
  "InsufficientAccountPermissions",
  "InternalError",
  "InvalidAuthenticationInfo",
  "InvalidHeaderValue",
  "InvalidQueryParameterValue",
  "InvalidUri",
  "MissingRequiredHeader",
  "MissingRequiredQueryParameter",
  "OperationTimedOut",
  "OutOfRangeQueryParameterValue",
  "RequestUrlFailedToParse",
  "ServerBusy",
  "TooManyRequests",
  "UnsupportedHttpVerb",
  "UnsupportedQueryParameter",
  "UnsupportedRequestVersion",
] as const satisfies readonly ErrorCode[];

const withBody = [
  "InvalidPropertyValue",
  "InvalidRequestBody",
  "MissingContentLengthHeader",
  "MissingRequiredProperty",
  "RequestBodyTooLarge",
  "UnsupportedProperty",
] as const satisfies readonly ErrorCode[];

const withConditions = [
  "ConditionNotMet",
  "MultipleConditionHeadersNotSupported",
] as const satisfies readonly ErrorCode[];

/** Every error a request for this operation can be answered with. */
export function errorsOf({ errors, body, conditions, range }: Operation): readonly ErrorCode[] {
  const codes: ErrorCode[] = [
    ...errors,
    ...always,
    ...(body ? withBody : []),
    ...(conditions ? withConditions : []),
    ...(range ? (["InvalidRange"] as const) : []),
  ];
  return [...new Set(codes)].sort();
}
