import type { Clock, Log } from "@kyanite/runtime";
import type { Database } from "../../store/database.ts";
import { OpenStreams } from "./open-streams.ts";
import { TaskWatch } from "./task-watch.ts";

/** What the streams of logs of a server have in common. */
export interface Logs {
  readonly watch: TaskWatch;
  readonly streams: OpenStreams;
}

export function openLogs(parts: { readonly database: Database; readonly clock: Clock; readonly log: Log }): Logs {
  return { watch: new TaskWatch(parts), streams: new OpenStreams(parts.clock) };
}
