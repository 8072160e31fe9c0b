import type { ManagementOperation, managementOperations } from "@kyanite/contract";
import type { Static, TSchema } from "typebox";
import type { Account } from "../../domain/account.ts";
import type { Quotas } from "../../domain/quotas.ts";
import type { StorageAccounts } from "../../domain/storage.ts";
import type { AutoScaleSettings } from "../../lifecycle/auto-scale.ts";
import type { Database } from "../../store/database.ts";
import type { Conditions } from "../conditions.ts";
import type { ListRequest, Page } from "../handler.ts";

/** What handlers of the management plane work with. */
export interface ManagementContext {
  readonly database: Database;
  readonly storage: StorageAccounts;
  readonly quotas: Quotas & AutoScaleSettings;
}

type Names<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;

type AccountOf<O extends ManagementOperation> = O["accountOptional"] extends true
  ? Account | undefined
  : O["path"] extends `${string}{accountName}${string}`
    ? Account
    : undefined;

type BodyOf<O extends ManagementOperation> = O["body"] extends TSchema
  ? O["bodyOptional"] extends true
    ? Static<O["body"]> | undefined
    : Static<O["body"]>
  : undefined;

type ResponseOf<O extends ManagementOperation> = O["response"] extends TSchema ? Static<O["response"]> : undefined;

/** A request as a handler sees it: authenticated, permitted, validated. */
export interface ManagementCall<O extends ManagementOperation = ManagementOperation> {
  readonly account: AccountOf<O>;
  readonly params: { readonly [K in Names<O["path"]>]: string };
  readonly body: BodyOf<O>;
  readonly list: ListRequest;
  readonly conditions: Conditions;
  /** Whether the caller may see an account. */
  readonly mayRead: (accountName: string) => boolean;
  /** Scheme, host and path prefix that the client called. */
  readonly origin: string;
  readonly userAgent: string;
  readonly now: Date;
}

export interface ManagementReply<Body> {
  readonly body?: Body;
  /** When it is not the operation's own. */
  readonly status?: 200 | 202 | 204;
  readonly etag?: string;
  /** Path to ask at for the end of what has been begun. */
  readonly location?: string;
}

type AnswerOf<O extends ManagementOperation> = O["shape"] extends "list" ? Page<ResponseOf<O>> : ResponseOf<O>;

export type ManagementHandler<O extends ManagementOperation> = (
  call: ManagementCall<O>,
) => Promise<ManagementReply<AnswerOf<O>>>;

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
