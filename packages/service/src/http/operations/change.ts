import type { Account } from "../../domain/account/account.ts";
import type { Sql } from "../../store/database.ts";
import type { Conditions } from "../conditions.ts";
import type { EntityTag, Transact } from "../handler.ts";

/** As much of a request as it takes to change one resource. */
interface ChangeRequest<Ids> {
  readonly account: Account;
  readonly params: Ids;
  readonly conditions: Conditions;
  readonly transaction: Transact;
}

/**
 * The way in which handlers change resources of one kind: one transaction locks the resource, checks the request's
 * conditions against it, and acts.
 * @param lock finds the resource by the names in the path, or throws what the client is told
 * @param entityOf what the conditions are about, of that which `lock` gives
 */
export function changing<Ids, Locked>(
  lock: (sql: Sql, account: Account, ids: Ids) => Promise<Locked>,
  entityOf: (locked: Locked) => EntityTag,
) {
  return <Result>(
    { account, params, conditions, transaction }: ChangeRequest<Ids>,
    act: (sql: Sql, locked: Locked) => Promise<Result>,
  ): Promise<Result> =>
    transaction(async (sql) => {
      const locked = await lock(sql, account, params);
      conditions.check(entityOf(locked));
      return act(sql, locked);
    });
}

/** The reply to a change that was saved now. */
export const changed = (saved: { readonly etag: string }, now: Date) => ({ entity: { ...saved, lastModified: now } });
