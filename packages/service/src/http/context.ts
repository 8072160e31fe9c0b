import type { allOperations } from "@kyanite/contract";
import type { AutoScaleSettings } from "../lifecycle/auto-scale.ts";
import type { Database } from "../store/database.ts";
import type { Handlers } from "./handler.ts";
import type { NodeFiles } from "./node-files.ts";

/** What handlers work with. */
export interface HandlerContext {
  readonly database: Database;
  readonly nodeFiles: NodeFiles;
  readonly quotas: Quotas;
}

/** How much an account may have; each is a setting, which the error names. */
export interface Quotas extends AutoScaleSettings {
  readonly poolQuota: number;
  readonly activeJobAndJobScheduleQuota: number;
}

export type OperationHandlers = Handlers<typeof allOperations>;
