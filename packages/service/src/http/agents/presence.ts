import type { Clock, Log } from "@kyanite/runtime";
import { type Database, isDatabaseAway } from "../../store/database.ts";
import { deleteServer, type Server, saveServer } from "../../store/servers.ts";

const noteSeconds = 10;

/** Tells the other servers where this one is, as long as it runs; resolves to what ends that. */
export async function keepPresence(
  server: Server,
  { database, clock, log }: { readonly database: Database; readonly clock: Clock; readonly log: Log },
): Promise<() => Promise<void>> {
  const over = new AbortController();
  await saveServer(database, server, clock.now());
  const keep = async () => {
    for (;;) {
      await clock.sleep(noteSeconds * 1000, over.signal);
      if (over.signal.aborted) return;
      await saveServer(database, server, clock.now()).catch((cause: unknown) => {
        if (!isDatabaseAway(cause)) log.error("presence not noted", { cause });
      });
    }
  };
  const keeping = keep();
  return async () => {
    over.abort("over");
    await keeping;
    await deleteServer(database, server.id).catch(() => {});
  };
}
