import type { allOperations } from "@kyanite/contract";
import type { Clock } from "@kyanite/runtime";
import type { StorageAccounts } from "../domain/account/storage.ts";
import type { SampleRetention } from "../domain/series/steps.ts";
import type { Webhooks } from "../events/webhooks.ts";
import type { Quotas } from "../lifecycle/quotas.ts";
import type { Database } from "../store/database.ts";
import type { NodeFiles } from "./agents/node-files.ts";
import type { Feed } from "./events/feed.ts";
import type { Handlers } from "./handler.ts";
import type { TaskWatch } from "./logs/task-watch.ts";
import type { OpenStreams } from "./open-streams.ts";

/** What handlers work with. */
export interface HandlerContext {
  readonly database: Database;
  readonly nodeFiles: NodeFiles;
  readonly taskWatch: TaskWatch;
  readonly streams: OpenStreams;
  readonly feed: Feed;
  readonly webhooks: Webhooks;
  readonly quotas: Quotas;
  readonly storage: Pick<StorageAccounts, "ownUrl" | "readBlob">;
  readonly samples: SampleRetention;
  readonly clock: Clock;
}

export type OperationHandlers = Handlers<typeof allOperations>;
