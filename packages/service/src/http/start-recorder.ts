import type { Clock, Log } from "@kyanite/runtime";
import type { Database } from "../store/database.ts";
import { noteStarts } from "../store/tasks.ts";
import { coalesced } from "./coalesced.ts";

/** Records when runs really started, as far as they take a while; nothing depends on it but what clients see. */
export class StartRecorder {
  readonly #starts = new Map<string, Date>();
  readonly #write: () => void;

  constructor(options: { readonly database: Database; readonly clock: Clock; readonly log: Log }) {
    this.#write = coalesced(async () => {
      const starts = [...this.#starts].map(([runId, startTime]) => ({ runId, startTime }));
      this.#starts.clear();
      if (starts.length > 0) await noteStarts(options.database, starts);
    }, options);
  }

  add(runId: string, startTime: Date): void {
    this.#starts.set(runId, startTime);
    this.#write();
  }
}
