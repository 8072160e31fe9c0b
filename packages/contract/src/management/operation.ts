import type { TSchema } from "typebox";
import type { Lifespan } from "../versions.ts";

/** One operation of the management plane, as data. */
export interface ManagementOperation extends Lifespan {
  readonly summary: string;
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With `{name}` for each path parameter; what is no parameter is matched without case. */
  readonly path: string;
  /** Query parameters beyond `api-version`. */
  readonly query?: Readonly<Record<string, TSchema>>;
  readonly body?: TSchema;
  readonly bodyOptional?: true;
  /** When all is done at once; a handler says when it is not. */
  readonly status: 200 | 202 | 204;
  /** Body of the successful answer. For a list it is the schema of one element. */
  readonly response?: TSchema;
  /** A list is `{ value, nextLink? }`. */
  readonly shape?: "list";
  /** Whether the account that the path names need not exist. */
  readonly accountOptional?: true;
  /** Whether `If-Match` and `If-None-Match` are heeded and an `ETag` is answered. */
  readonly entity?: true;
}

/** Keeps the literal types of an operation, so that handlers can be typed from it. */
export function managed<const O extends ManagementOperation>(definition: O): O {
  return definition;
}

const provider = "/providers/Microsoft.Batch";
const inGroup = `/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}${provider}/batchAccounts` as const;

export const paths = {
  provider,
  inSubscription: `/subscriptions/{subscriptionId}${provider}`,
  accountsInGroup: inGroup,
  account: `${inGroup}/{accountName}`,
} as const;
