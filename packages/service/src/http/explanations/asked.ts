import type { Account } from "../../domain/account/account.ts";
import type { Database } from "../../store/database.ts";
import type { NodeFiles } from "../agents/node-files.ts";

/** Of what an explanation is asked, and with what it is found. */
export interface Asked<Ids> {
  readonly account: Account;
  readonly ids: Ids;
  readonly sql: Database;
  readonly nodeFiles: NodeFiles;
  readonly signal: AbortSignal;
  readonly now: Date;
}
