import type { allOperations } from "@kyanite/contract";
import type { Quotas } from "../lifecycle/quotas.ts";
import type { Database } from "../store/database.ts";
import type { Handlers } from "./handler.ts";
import type { NodeFiles } from "./node-files.ts";

/** What handlers work with. */
export interface HandlerContext {
  readonly database: Database;
  readonly nodeFiles: NodeFiles;
  readonly quotas: Quotas;
}

export type OperationHandlers = Handlers<typeof allOperations>;
