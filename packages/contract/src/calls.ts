import type { Static, TSchema } from "typebox";
import type { CollectionForm } from "./read-collection.ts";

/** What is asked and answered of an operation, of either plane, as its client has it. */
export interface CalledOperation {
  readonly path: string;
  readonly query?: Readonly<Record<string, TSchema>>;
  readonly conditions?: "all" | "dates";
  readonly range?: true;
  readonly body?: TSchema;
  readonly bodyOptional?: true;
  readonly collection?: CollectionForm;
  readonly response?: TSchema;
  readonly shape?: "list" | "element" | "stream";
}

/** Everything that a call gives: values of the path and of the query under their names, and what is below. */
export type ArgumentsOf<O extends CalledOperation> = Readonly<Record<PathParameter<O["path"]>, string>> &
  QueryOf<O["query"]> &
  BodyArgument<O> &
  ConditionArguments<O["conditions"]> &
  (O["range"] extends true ? { readonly range?: ByteRange } : unknown);

export interface ByteRange {
  readonly start: number;
  /** The last byte that is wanted; all of the rest when absent. */
  readonly end?: number;
}

export interface DateConditions {
  readonly ifModifiedSince?: Date;
  readonly ifUnmodifiedSince?: Date;
}

export interface EntityConditions extends DateConditions {
  readonly ifMatch?: string;
  readonly ifNoneMatch?: string;
}

/** The names of the parameters of a path. */
export type PathParameter<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | PathParameter<Rest>
  : never;

/** The query of an operation that declares it so. */
export type QueryOf<Q> =
  Q extends Readonly<Record<string, TSchema>> ? { readonly [Name in keyof Q]?: Static<Q[Name]> } : unknown;

type ConditionArguments<C> = C extends "all" ? EntityConditions : C extends "dates" ? DateConditions : unknown;

type BodyArgument<O extends CalledOperation> = O["body"] extends TSchema
  ? O["bodyOptional"] extends true
    ? { readonly body?: RequestBody<O> }
    : { readonly body: RequestBody<O> }
  : unknown;

type RequestBody<O extends CalledOperation> =
  O["collection"] extends CollectionForm<infer S>
    ? { readonly value: readonly Static<S>[] }
    : O["body"] extends TSchema
      ? Static<O["body"]>
      : never;
