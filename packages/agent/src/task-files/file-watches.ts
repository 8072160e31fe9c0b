import { type FSWatcher, watch } from "node:fs";
import type { OpenFile } from "./plain-file.ts";

/** Tells when files are written. However many wait for one file, it is watched once. */
export class FileWatches {
  readonly #watched = new Map<string, Watched>();

  /**
   * Calls `onChange` whenever the file changes, until it is disposed of. Where the system watches no more files, or
   * does not see what is written, as on some shares, it is never called: whoever waits has to look now and then, too.
   */
  add(file: OpenFile, onChange: () => void): Disposable {
    const { dev, ino } = file.stat;
    const key = `${dev} ${ino}`;
    const watched = this.#watched.get(key) ?? this.#watch(file, key);
    watched.listeners.add(onChange);
    return {
      [Symbol.dispose]: () => {
        watched.listeners.delete(onChange);
        if (watched.listeners.size > 0) return;
        watched.watcher?.close();
        if (this.#watched.get(key) === watched) this.#watched.delete(key);
      },
    };
  }

  #watch(file: OpenFile, key: string): Watched {
    const listeners = new Set<() => void>();
    const watcher = watchOpenFile(file, () => {
      for (const listener of listeners) listener();
    });
    // Once nobody can tell more of it, the next one who waits tries again.
    watcher?.once("error", () => {
      watcher.close();
      this.#watched.delete(key);
    });
    const watched = { watcher, listeners };
    this.#watched.set(key, watched);
    return watched;
  }
}

interface Watched {
  readonly watcher: FSWatcher | undefined;
  readonly listeners: Set<() => void>;
}

/** By its descriptor, behind which is this very file, whatever has its name by now. */
function watchOpenFile({ fd }: OpenFile, onChange: () => void): FSWatcher | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    return watch(`/proc/self/fd/${fd}`, { persistent: false }, onChange);
  } catch {
    return undefined;
  }
}
