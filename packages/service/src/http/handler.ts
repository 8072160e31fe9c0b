import type { Readable } from "node:stream";
import type { ApiVersion, BodyOf, Operation, ResponseOf } from "@kyanite/contract";
import type { Static, TSchema } from "typebox";
import type { Account } from "../domain/account.ts";
import type { Filter } from "../domain/filter.ts";
import type { Conditions } from "./conditions.ts";

type Names<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;

type QueryOf<O extends Operation> =
  O["query"] extends Readonly<Record<string, TSchema>>
    ? { readonly [K in keyof O["query"]]?: Static<O["query"][K]> }
    : unknown;

/** A request as a handler sees it: authenticated, validated, in the newest spelling. */
export interface Call<O extends Operation = Operation> {
  readonly account: Account;
  readonly version: ApiVersion;
  /** Scheme and host the client called, and the account prefix if it used one; no slash at the end. */
  readonly baseUrl: string;
  readonly requestId: string;
  readonly params: { readonly [K in Names<O["path"]>]: string };
  readonly query: QueryOf<O>;
  readonly body: BodyOf<O>;
  readonly conditions: Conditions;
  /** Only for lists and for what has `$filter`, `$select` or `$expand`. */
  readonly list: ListRequest;
  /** Only where the operation accepts `ocp-range`. */
  readonly range?: ByteRange;
  readonly now: Date;
  /** Aborts when the client goes away or its time is over. */
  readonly signal: AbortSignal;
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

export interface ByteRange {
  readonly start: number;
  /** Inclusive; the end of the file when absent. */
  readonly end?: number;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Key of the last element, when more may follow. */
  readonly next?: string;
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
}

type BodyFor<O extends Operation> = O["shape"] extends "list" ? Page<ResponseOf<O>> : ResponseOf<O>;

export type Handler<O extends Operation> = (call: Call<O>) => Promise<Reply<BodyFor<O>>>;

/** One handler for each operation; what is missing answers `NotImplemented`. */
export type Handlers<Operations extends Readonly<Record<string, Operation>>> = {
  readonly [K in keyof Operations]?: Handler<Operations[K]>;
};
