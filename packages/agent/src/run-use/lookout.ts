import type { Clock, Log } from "@kyanite/runtime";

/** A command whose use is looked at while it runs. */
interface Watched {
  /** Notes what it has used up to now, for when it is killed before that is counted. */
  look(): void | Promise<void>;
}

export interface Lookout {
  /** Looks at a command now and then, until what is answered is called. */
  watch(command: Watched): () => void;
  close(): void;
}

const roundMilliseconds = 1_000;
/** In each of the first rounds of a command, and later in every fifth. */
const earlyRounds = 10;
const laterRounds = 5;
/** After so many looks whatever else waits has its turn. */
const looksAtOnce = 16;

/** Looks at all commands of a node that run for a while; one timer for all, so that short ones cost nothing. */
export function openLookout({ clock, log }: { readonly clock: Clock; readonly log: Log }): Lookout {
  const watched = new Map<Watched, number>();
  const closing = new AbortController();
  let isWatching = false;
  const lookAt = async (command: Watched) => {
    try {
      await command.look();
    } catch (cause) {
      log.debug("no look at a run", { cause });
    }
  };
  const lookAtAll = async () => {
    let looks = 0;
    for (const [command, age] of watched) {
      watched.set(command, age + 1);
      if (age === 0 || (age > earlyRounds && age % laterRounds !== 0)) continue;
      await lookAt(command);
      looks += 1;
      if (looks % looksAtOnce === 0) await clock.sleep(0, closing.signal);
    }
  };
  const run = async () => {
    isWatching = true;
    while (watched.size > 0 && !closing.signal.aborted) {
      await lookAtAll();
      await clock.sleep(roundMilliseconds, closing.signal);
    }
    isWatching = false;
  };
  return {
    watch(command) {
      watched.set(command, 0);
      if (!isWatching) void run();
      return () => watched.delete(command);
    },
    close() {
      watched.clear();
      closing.abort("closed");
    },
  };
}
