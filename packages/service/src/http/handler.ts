import type { Readable } from "node:stream";
import type {
  AnyOperation,
  ApiVersion,
  BodyOf,
  ByteRange,
  Operation,
  PathParameter,
  QueryOf,
  ResponseOf,
} from "@kyanite/contract";
import type { Account } from "../domain/account/account.ts";
import type { Filter } from "../domain/filter.ts";
import type { Sql } from "../store/database.ts";
import type { Conditions } from "./conditions.ts";

/** Runs a change in one transaction, in which the audit keeps who asked for it, too. */
export type Transact = <Result>(change: (sql: Sql) => Promise<Result>) => Promise<Result>;

/** What handlers of both planes see of a request: authenticated, validated, in the newest spelling. */
export interface AnyCall<O extends AnyOperation> {
  readonly params: { readonly [K in PathParameter<O["path"]>]: string };
  readonly query: QueryOf<O["query"]>;
  readonly body: BodyOf<O>;
  readonly conditions: Conditions;
  /** Only for lists and for what has `$filter`, `$select` or `$expand`. */
  readonly list: ListRequest;
  readonly transaction: Transact;
  readonly now: Date;
}

export interface Call<O extends Operation = Operation> extends AnyCall<O> {
  readonly account: Account;
  readonly version: ApiVersion;
  /** Scheme and host the client called, and the account prefix if it used one; no slash at the end. */
  readonly baseUrl: string;
  readonly requestId: string;
  /** The media types that the client would have; an empty text when it does not say. */
  readonly accept: string;
  /** What follows from the request belongs to this trace; absent when nobody is told of it. */
  readonly traceParent?: string;
  /** Only where the operation accepts `ocp-range`. */
  readonly range?: ByteRange;
  /** The only job that the credential is for, when it is a task's. */
  readonly onlyJobId?: string;
  /** Only where the operation offers a stream of events, and the client wants that. */
  readonly eventStream?: EventStreamRequest;
  /** Whether the credential of the request is still good: to be asked now and then while an answer lasts. */
  readonly isPermitted: () => Promise<boolean>;
  /** Aborts when the client goes away or its time is over. */
  readonly signal: AbortSignal;
}

export interface EventStreamRequest {
  /** The id of the last event that the client has. */
  readonly lastEventId?: string;
}

/** Which page of a list is wanted, and of which elements. `$select` is applied by the server to what is returned. */
export interface ListRequest {
  readonly filter?: Filter;
  readonly limit: number;
  /** Where the last page ended, as the handler gave it in {@link Page.next}. */
  readonly after?: string;
  /** Whether `$expand=stats` was asked for. */
  readonly stats: boolean;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Key of the last element, when more may follow. */
  readonly next?: string;
  /** Of a list that grows: where to go on later, when no more follows now. */
  readonly cursor?: string;
}

/** What entity headers are made of. */
export interface EntityTag {
  readonly etag: string;
  readonly lastModified: Date;
}

/** What a handler answers; status, `odata.metadata` and the headers follow from the operation. */
export interface Reply<Body> {
  readonly body?: Body;
  readonly entity?: EntityTag;
  /** URL of what was created, with which 201 answers. */
  readonly location?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly stream?: Readable;
  /** Of a stream that goes on for as long as it has to. */
  readonly trailers?: Trailers;
}

/** What is said behind a body of which the end could not be told before. */
export interface Trailers {
  readonly names: readonly string[];
  readonly read: () => Readonly<Record<string, string>>;
}

/** The body of a handler's reply. */
export type BodyFor<O extends AnyOperation> = O["shape"] extends "list" ? Page<ResponseOf<O>> : ResponseOf<O>;

export type Handler<O extends Operation> = (call: Call<O>) => Promise<Reply<BodyFor<O>>>;

/** One handler for each operation; what is missing answers `NotImplemented`. */
export type Handlers<Operations extends Readonly<Record<string, Operation>>> = {
  readonly [K in keyof Operations]?: Handler<Operations[K]>;
};
