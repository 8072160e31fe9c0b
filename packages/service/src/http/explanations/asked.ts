import type { Account } from "../../domain/account/account.ts";
import type { Database } from "../../store/database.ts";
import type { HandlerContext } from "../context.ts";

/** Of what an explanation is asked, and with what it is found. */
export interface Asked<Ids> extends Pick<HandlerContext, "nodeFiles" | "storage"> {
  readonly account: Account;
  readonly ids: Ids;
  readonly sql: Database;
  readonly signal: AbortSignal;
  readonly now: Date;
}
