import {
  type AnyOperation,
  type ApiVersion,
  BatchError,
  nameIn,
  type Operation,
  queryIn,
  type SchemaNode,
} from "@kyanite/contract";
import { parseFilter } from "../domain/filter.ts";
import { isFull } from "../store/page.ts";
import type { ListRequest, Page } from "./handler.ts";
import type { Query } from "./query.ts";

/** The same list with one element more, by which {@link pageOf} tells whether others follow. */
export function oneMore<List extends { readonly limit: number }>(list: List): List {
  return { ...list, limit: list.limit + 1 };
}

/** One page from one row more than fits: that one tells whether more follow, or that the rows are as large as a page. */
export function pageOf<Row extends object, Item>(
  rows: readonly Row[],
  limit: number,
  keyOf: (row: Row) => string,
  itemOf: (row: Row) => Item,
): Page<Item> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const mayGoOn = rows.length > limit || isFull(rows);
  return { items: shown.map(itemOf), ...(mayGoOn && last !== undefined ? { next: keyOf(last) } : {}) };
}

/** A page among what a handler answers, whichever operation it is of. */
function asPage(body: unknown): Page<unknown> {
  const page = typeof body === "object" && body !== null ? body : {};
  const items: readonly unknown[] = "items" in page && Array.isArray(page.items) ? page.items : [];
  return {
    items,
    ...("next" in page && typeof page.next === "string" ? { next: page.next } : {}),
    ...("cursor" in page && typeof page.cursor === "string" ? { cursor: page.cursor } : {}),
  };
}

/** What a request says of the list it wants. */
export function listRequest(query: Query, operation: Pick<AnyOperation, "query">, version: ApiVersion): ListRequest {
  const filter = textOf(query, "$filter");
  const token = textOf(query, "$skiptoken");
  const { maxresults } = query;
  return {
    ...(filter === undefined || filter.trim() === "" ? {} : { filter: parseFilter(filter) }),
    limit: typeof maxresults === "number" ? maxresults : defaultLimit(operation, version),
    ...(token === undefined ? {} : { after: readSkipToken(token) }),
    stats: expandsStats(textOf(query, "$expand")),
  };
}

function textOf(query: Query, name: string): string | undefined {
  const value = query[name];
  return typeof value === "string" ? value : undefined;
}

function defaultLimit(operation: Pick<AnyOperation, "query">, version: ApiVersion): number {
  const schema = queryIn(operation, version).maxresults;
  return typeof schema?.default === "number" ? schema.default : 1000;
}

function expandsStats(expand: string | undefined): boolean {
  const names = namesIn(expand);
  const unknown = names.find((name) => name !== "stats");
  if (unknown !== undefined)
    throw new BatchError("InvalidQueryParameterValue", {
      QueryParameterName: "$expand",
      QueryParameterValue: unknown,
      Reason: "Only stats can be expanded",
    });
  return names.length > 0;
}

const tokenVersion = "1:";

/** Opaque to clients: where a page ended. */
function skipToken(key: string): string {
  return Buffer.from(tokenVersion + key).toString("base64url");
}

function readSkipToken(token: string): string {
  const text = Buffer.from(token, "base64url").toString();
  if (text.startsWith(tokenVersion) && !text.includes("\u0000")) return text.slice(tokenVersion.length);
  throw new BatchError("InvalidQueryParameterValue", {
    QueryParameterName: "$skiptoken",
    Reason: "Not a token of this server",
  });
}

interface ListPlace {
  readonly baseUrl: string;
  readonly path: string;
  readonly search: URLSearchParams;
}

/** The members of a page's answer, the link to the next under the name that the plane gives it. */
export function writePage(
  body: unknown,
  {
    write,
    link,
    place,
  }: { readonly write: (item: unknown) => unknown; readonly link: string; readonly place: ListPlace },
): object {
  const { items, next, cursor } = asPage(body);
  return {
    value: items.map(write),
    ...(next === undefined ? {} : { [link]: nextLink(place, next) }),
    ...(cursor === undefined ? {} : { cursor }),
  };
}

/** The URL of the next page: the whole query again, and where this page ended. */
function nextLink({ baseUrl, path, search }: ListPlace, key: string): string {
  const next = new URLSearchParams([...search].filter(([name]) => name.toLowerCase() !== "$skiptoken"));
  next.set("$skiptoken", skipToken(key));
  // A blank is written %20, which every client reads and signs in the same way; a plus sign is not.
  return `${baseUrl}${path}?${next.toString().replaceAll("+", "%20").replaceAll("%24", "$")}`;
}

/**
 * The property names of `$select`; undefined when everything is wanted.
 * @throws BatchError for a name that the elements do not have
 */
export function selection(query: Query, operation: Operation, version: ApiVersion): ReadonlySet<string> | undefined {
  const names = namesIn(textOf(query, "$select"));
  if (names.length === 0 || names.includes("*")) return undefined;
  const schema: SchemaNode | undefined = operation.response;
  const known = Object.entries(schema?.properties ?? {}).map(([name, property]) => nameIn(name, property, version));
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new BatchError("InvalidQueryParameterValue", {
      QueryParameterName: "$select",
      QueryParameterValue: unknown,
      Reason: "There is no property of that name",
    });
  return new Set(names);
}

/** The selected members of an object; all when nothing is selected. */
export function selected(object: unknown, names: ReadonlySet<string> | undefined): unknown {
  if (!names || typeof object !== "object" || object === null) return object;
  return Object.fromEntries(Object.entries(object).filter(([name]) => names.has(name)));
}

function namesIn(list: string | undefined): string[] {
  return (list ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}
