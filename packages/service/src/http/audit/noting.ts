import type { AnyOperation } from "@kyanite/contract";
import { isAccountName } from "../../domain/account/new-account.ts";
import type { AskedThing } from "../../domain/audit/line.ts";
import { decode } from "../router.ts";

/** Notes of one request, taken while it is answered: whatever goes wrong, what was known until then is there. */
export interface Notes {
  /** Takes note of more that is known of the request. */
  readonly learn: (more: Partial<AskedThing>) => void;
  readonly known: () => AskedThing;
}

export function noting(plane: AskedThing["plane"], account: string, path: string): Notes {
  let asked: AskedThing = { plane, account, resource: decode(path) ?? path };
  return {
    learn: (more) => {
      asked = { ...asked, ...more };
    },
    known: () => asked,
  };
}

/** Whether the audit keeps requests for an operation. */
export const isKept = ({ method, changesNothing }: AnyOperation) =>
  method !== "GET" && method !== "HEAD" && changesNothing !== true;

/** The path of what a request is about; of what it adds, that which it will have. */
export function resourceOf(path: string, { method, status }: AnyOperation, body: unknown): string {
  const known = decode(path) ?? path;
  if (method !== "POST" || status !== 201 || typeof body !== "object" || body === null) return known;
  const added = "id" in body ? body.id : "name" in body ? body.name : undefined;
  return typeof added === "string" ? `${known}/${added}` : known;
}

/** A name that an account can have, as it was given by who may be a stranger; else another account's. */
export function accountOr(name: string | undefined, fallback: string): string {
  return name !== undefined && isAccountName(name) ? name : fallback;
}

/** The account that a request of the data plane names, by its URL or its signature, before that is checked. */
export function accountIn(
  named: string | undefined,
  { headers }: { readonly headers: Readonly<Record<string, unknown>> },
  { defaultAccountName }: { readonly defaultAccountName: string },
): string {
  const signing = /^SharedKey +([A-Za-z0-9]{3,24}):/i.exec(String(headers.authorization ?? ""))?.[1]?.toLowerCase();
  return accountOr(named ?? signing, defaultAccountName);
}
