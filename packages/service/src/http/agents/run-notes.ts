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

/** So long a row that somebody else was changing is left alone. */
const heldMilliseconds = 100;

/**
 * Notes something of runs in the background, the latest for each. Nothing may depend on it but what clients see.
 * @param write answers with the ids of those runs whose row somebody else held: they are noted a little later
 */
export function runNotes<Note extends RunNote>(
  write: (database: Database, notes: readonly Note[]) => Promise<readonly string[]>,
  options: RunNotesOptions,
): (note: Note) => void {
  const notes = new Map<string, Note>();
  /** Whether there are some left. */
  const writeAll = async (): Promise<boolean> => {
    const next = new Map(notes);
    notes.clear();
    const held = await write(options.database, [...next.values()]);
    for (const runId of held) {
      const note = next.get(runId);
      // What was said of the run meanwhile is newer.
      if (note && !notes.has(runId)) notes.set(runId, note);
    }
    return held.length > 0;
  };
  const writeSoon = coalesced(async () => {
    while (notes.size > 0) if (await writeAll()) await options.clock.sleep(heldMilliseconds);
  }, options);
  return (note) => {
    notes.set(note.runId, note);
    writeSoon();
  };
}
