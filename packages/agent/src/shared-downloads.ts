import { randomUUID } from "node:crypto";
import { constants, copyFile, type FileHandle, open, rename, unlink } from "node:fs/promises";
import { type Clock, Directory, hasErrorCode, orAborted, removeTree } from "@kyanite/runtime";
import { downloadFile } from "@kyanite/storage";
import { ensureDirectory } from "./task-files/directories.ts";
import type { TaskUser } from "./user.ts";

/** Where a file is to lie, and as whose. What is there is replaced; nothing is written through a link. */
export interface Delivery {
  readonly directory: Directory;
  readonly name: string;
  readonly mode?: number;
  readonly user?: TaskUser | undefined;
}

/** Fetches files; what several runs want at the same moment is fetched once. */
export interface SharedDownloads {
  /** Delivers a file, which is complete when it appears; answers its size. Rejects like `downloadFile`. */
  fetch(url: string, delivery: Delivery, signal: AbortSignal): Promise<number>;
}

interface Download {
  readonly done: Promise<number>;
  readonly draft: Draft;
  readonly controller: AbortController;
  /** Runs that still want it; the last one takes or removes the draft. */
  wanted: number;
}

/** A file on its way, in the directory of those. */
interface Draft {
  readonly place: Directory;
  readonly name: string;
  readonly file: Promise<FileHandle>;
}

/** Files on their way lie in `volatile/downloads` of the node, on the same disk as the runs; that is emptied first. */
export async function createSharedDownloads(root: string, clock: Clock): Promise<SharedDownloads> {
  await emptyPlace(root);
  const underway = new Map<string, Download>();

  const begin = (url: string): Download => {
    const draft = newDraft(root);
    const controller = new AbortController();
    const done = draft.file
      .then((file) => downloadFile(url, file, { clock, signal: controller.signal }))
      .finally(() => {
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
    await discard(download.draft);
  };

  return {
    async fetch(url, delivery, signal) {
      const download = underway.get(url) ?? begin(url);
      download.wanted += 1;
      try {
        const bytes = await orAborted(download.done, signal);
        if (download.wanted === 1) await deliver(download.draft, delivery);
        else await deliverCopy(download.draft, delivery);
        return bytes;
      } finally {
        await leave(url, download);
      }
    },
  };
}

const placeName = "downloads";

async function emptyPlace(path: string): Promise<void> {
  using root = Directory.open(path);
  using parent = root.enter("volatile");
  await removeTree(parent, placeName);
  ensureDirectory(parent, placeName, { mode: 0o700 }).close();
}

function newDraft(path: string): Draft {
  using root = Directory.open(path);
  const place = root.enterAll(["volatile", placeName]);
  const name = randomUUID();
  return { place, name, file: open(place.at(name), "wx+", 0o600) };
}

async function discard({ place, name, file }: Draft): Promise<void> {
  using _ = place;
  await file.then((opened) => opened.close()).catch(() => undefined);
  await unlink(place.at(name)).catch(unlessGone);
}

/** Its rights are changed through the open file: what has its name may be something else by now. */
async function deliver({ place, name, file }: Draft, { directory, name: target, mode, user }: Delivery) {
  const opened = await file;
  if (user) await opened.chown(user.uid, user.gid);
  if (mode !== undefined) await opened.chmod(mode);
  await rename(place.at(name), directory.at(target));
}

async function deliverCopy(draft: Draft, delivery: Delivery): Promise<void> {
  const { place } = draft;
  const name = randomUUID();
  try {
    await copyFile(await pathOf(draft), place.at(name), constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    await using file = await open(place.at(name), constants.O_RDONLY | constants.O_NOFOLLOW);
    await deliver({ place, name, file: Promise.resolve(file) }, delivery);
  } catch (error) {
    await unlink(place.at(name)).catch(unlessGone);
    throw error;
  }
}

/** Where there is one, a path that leads to the open file itself. */
const pathOf = async ({ place, name, file }: Draft) =>
  process.platform === "linux" ? `/proc/self/fd/${(await file).fd}` : place.at(name);

function unlessGone(error: unknown): void {
  if (!hasErrorCode(error, "ENOENT")) throw error;
}
