import type { Static, TSchema } from "typebox";
import type { ErrorCode } from "./errors.ts";
import type { Lifespan } from "./versions.ts";

/**
 * One operation of the data plane, as data: what the router, the validation, the response shaping and the OpenAPI
 * document are derived from.
 */
export interface Operation extends Lifespan {
  /** Name of the operation from 2025-06-01 on; its key in `operations` is the older name, such as `Pool_Add`. */
  readonly newName: string;
  readonly summary: string;
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With `{name}` for each path parameter; `{filePath}` may hold slashes. */
  readonly path: string;
  /** Query parameters beyond `api-version` and `timeout`; names are matched without case. */
  readonly query?: Readonly<Record<string, TSchema>>;
  /** Conditional request headers: all four, or only the two dates. */
  readonly conditions?: "all" | "dates";
  /** Whether `ocp-range` is accepted. */
  readonly range?: true;
  readonly body?: TSchema;
  readonly bodyOptional?: true;
  readonly status: 200 | 201 | 202 | 204;
  /** Body of the successful answer. For a list it is the schema of one element. */
  readonly response?: TSchema;
  /** A list is `{ value, odata.nextLink? }`; a stream is bytes; otherwise one object, or nothing. */
  readonly shape?: "list" | "element" | "stream";
  /** What follows `$metadata#` in `odata.metadata`, without the `/@Element` of a single object. */
  readonly set?: string;
  /** Whether the answer carries `ETag` and `Last-Modified`. */
  readonly entity?: true;
  /** Whether the answer carries `DataServiceId`. */
  readonly dataServiceId?: true;
  /** What a request can cause besides the errors every operation has. */
  readonly errors: readonly ErrorCode[];
}

/** Keeps the literal types of an operation, so that handlers and clients can be typed from it. */
export function operation<const O extends Operation>(definition: O): O {
  return definition;
}

export type BodyOf<O extends Operation> = O["body"] extends TSchema ? Static<O["body"]> : undefined;
export type ResponseOf<O extends Operation> = O["response"] extends TSchema ? Static<O["response"]> : undefined;
