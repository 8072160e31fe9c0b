import type { Static, TSchema } from "typebox";
import { checkDocument } from "./check-document.ts";
import { BatchError } from "./errors.ts";
import { isRecord } from "./per-version.ts";
import { readDocument } from "./read-document.ts";
import type { ApiVersion } from "./versions.ts";

/** One element of a collection as its own rules found it. */
export type CollectionElement<T> =
  | { readonly id: string; readonly body: T }
  | { readonly id: string; readonly error: BatchError };

/** How the body of an operation is read whose elements succeed or fail one by one. */
export interface CollectionForm<S extends TSchema = TSchema> {
  /** What must hold for the call as a whole: `value` with its bounds, and the id of each element. */
  readonly envelope: TSchema;
  readonly element: S;
}

/**
 * Reads `{ value: [...] }`, each element by itself: a bad one is handed on with its error, and spoils no other.
 * @throws BatchError when the call as a whole cannot be answered, for example because an element has no id
 */
export function readCollection<S extends TSchema>(
  { envelope, element }: CollectionForm<S>,
  document: unknown,
  version: ApiVersion,
): { readonly value: readonly CollectionElement<Static<S>>[] } {
  checkDocument(envelope, document);
  const [unknown] = Object.keys(document ?? {}).filter((name) => name !== "value" && !name.startsWith("odata."));
  if (unknown !== undefined) throw new BatchError("UnsupportedProperty", { PropertyName: unknown });
  const value: readonly unknown[] = isRecord(document) && Array.isArray(document.value) ? document.value : [];
  return { value: value.map((item) => readElement(element, item, version)) };
}

function readElement<S extends TSchema>(schema: S, item: unknown, version: ApiVersion): CollectionElement<Static<S>> {
  const id = isRecord(item) ? String(item.id) : "";
  try {
    const body = readDocument(schema, item, version);
    checkDocument(schema, body);
    return { id, body };
  } catch (error) {
    if (error instanceof BatchError) return { id, error };
    throw error;
  }
}
