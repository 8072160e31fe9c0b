import type { Clock, Log } from "@kyanite/runtime";
import type { Database } from "../../store/database.ts";
import { coalesced } from "../coalesced.ts";

interface RunNote {
  readonly runId: string;
}

interface RunNotesOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Log;
}

/** Notes something of runs in the background, the latest for each. Nothing may depend on it but what clients see. */
export function runNotes<Note extends RunNote>(
  write: (database: Database, notes: readonly Note[]) => Promise<void>,
  options: RunNotesOptions,
): (note: Note) => void {
  const notes = new Map<string, Note>();
  const writeSoon = coalesced(async () => {
    const next = [...notes.values()];
    notes.clear();
    if (next.length > 0) await write(options.database, next);
  }, options);
  return (note) => {
    notes.set(note.runId, note);
    writeSoon();
  };
}
