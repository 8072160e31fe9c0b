import { randomUUID } from "node:crypto";
import { constants, copyFile, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "@kyanite/runtime";
import { downloadFile } from "@kyanite/storage";

/** Fetches files; what several runs want at the same moment is fetched once. */
export interface SharedDownloads {
  /** Writes a new file, which is complete when it appears. Rejects like `downloadFile`. */
  fetch(url: string, file: string, signal: AbortSignal): Promise<void>;
}

interface Download {
  readonly done: Promise<void>;
  readonly draft: string;
  readonly controller: AbortController;
  /** Runs that still want it; the last one takes or removes the draft. */
  wanted: number;
}

/** `directory` lies on the same disk as the runs, is emptied at start and holds what is on its way. */
export async function createSharedDownloads(directory: string, clock: Clock): Promise<SharedDownloads> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const underway = new Map<string, Download>();

  const begin = (url: string): Download => {
    const draft = join(directory, randomUUID());
    const controller = new AbortController();
    const done = downloadFile(url, draft, { clock, signal: controller.signal }).finally(() => {
      if (underway.get(url) === download) underway.delete(url);
    });
    const download: Download = { done, draft, controller, wanted: 0 };
    underway.set(url, download);
    return download;
  };

  const leave = async (url: string, download: Download) => {
    download.wanted -= 1;
    if (download.wanted > 0) return;
    if (underway.get(url) === download) underway.delete(url);
    download.controller.abort();
    await download.done.catch(() => undefined);
    await rm(download.draft, { force: true });
  };

  return {
    async fetch(url, file, signal) {
      const download = underway.get(url) ?? begin(url);
      download.wanted += 1;
      try {
        await untilAborted(download.done, signal);
        if (download.wanted === 1) await rename(download.draft, file);
        else await copyAtOnce(download.draft, file);
      } finally {
        await leave(url, download);
      }
    },
  };
}

async function copyAtOnce(from: string, file: string): Promise<void> {
  const draft = `${from}.${randomUUID()}`;
  try {
    await copyFile(from, draft, constants.COPYFILE_FICLONE);
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** Waits no longer than the signal allows. */
function untilAborted(done: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop, { once: true });
    done.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
