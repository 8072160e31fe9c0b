import type { AnyOperation } from "../operation.ts";

/** One operation of the management plane, as data. What is no parameter of its path is matched without case. */
export interface ManagementOperation extends AnyOperation {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** When all is done at once; a handler says when it is not. */
  readonly status: 200 | 202 | 204;
  readonly shape?: "list";
  /** Whether the account that the path names need not exist. */
  readonly accountOptional?: true;
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
