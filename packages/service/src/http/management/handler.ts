import type { ManagementOperation, managementOperations } from "@kyanite/contract";
import type { Account } from "../../domain/account/account.ts";
import type { AccountQuotas } from "../../domain/account/quotas.ts";
import type { StorageAccounts } from "../../domain/account/storage.ts";
import type { PoolRules } from "../../lifecycle/quotas.ts";
import type { Database } from "../../store/database.ts";
import type { AnyCall, BodyFor } from "../handler.ts";

/** What handlers of the management plane work with. */
export interface ManagementContext {
  readonly database: Database;
  readonly storage: StorageAccounts;
  readonly quotas: AccountQuotas & PoolRules;
  /** The account that requests are for whose URL names none. */
  readonly defaultAccountName: string;
}

type AccountOf<O extends ManagementOperation> = O["accountOptional"] extends true
  ? Account | undefined
  : O["path"] extends `${string}{accountName}${string}`
    ? Account
    : undefined;

export interface ManagementCall<O extends ManagementOperation = ManagementOperation> extends AnyCall<O> {
  readonly account: AccountOf<O>;
  /** Whether the caller may see an account. */
  readonly mayRead: (accountName: string) => boolean;
  /** Whether the caller may do what an operation does, on the account of the request. */
  readonly may: (operation: keyof typeof managementOperations) => boolean;
  /** Scheme, host and path prefix that the client called. */
  readonly origin: string;
  readonly userAgent: string;
}

export interface ManagementReply<Body> {
  readonly body?: Body;
  /** When it is not the operation's own. */
  readonly status?: 200 | 202 | 204;
  readonly etag?: string;
  /** Path to ask at for the end of what has been begun. */
  readonly location?: string;
}

export type ManagementHandler<O extends ManagementOperation> = (
  call: ManagementCall<O>,
) => Promise<ManagementReply<BodyFor<O>>>;

/** A handler for each operation of the management plane. */
export type ManagementHandlers = {
  readonly [K in keyof typeof managementOperations]: ManagementHandler<(typeof managementOperations)[K]>;
};

/** The resource id of an account, as clients of the management plane know it. */
export function accountId({ subscriptionId, resourceGroup, name }: Account): string {
  return `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Batch/batchAccounts/${name}`;
}

/** ETags of this plane are weak, and quoted. */
export const weakEtag = (etag: string) => `W/"${etag}"`;
