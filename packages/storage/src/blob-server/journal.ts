import { createReadStream } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { type Change, decodeLine, encodeLine, splitLines } from "./journal-lines.ts";

export interface JournalOptions {
  readonly file: string;
  /** How much of the file is good; see {@link readJournal}. */
  readonly sizeBytes: number;
  /** All that is known now. The file is made anew from this when most of what it says is out of date. */
  readonly contents: () => Iterable<Change>;
  /** What was acknowledged may be lost if we go on: the disk refuses, so the process has to end. */
  readonly onFailure: (cause: unknown) => void;
}

/** A file made anew is left alone until it is twice as large, and this much more. */
const slackBytes = 16 * 1024 * 1024;
const changesPerLine = 200;

/**
 * Keeps changes on disk. Each write takes all the changes that came while the one before it was under way, so that
 * many requests share one wait for the disk.
 */
export class Journal {
  readonly #options: JournalOptions;
  readonly #pending = new Map<string, Change>();
  #file: FileHandle;
  #sizeBytes: number;
  #sizeWhenMade = 0;
  /** The steps of which only one may touch the file at a time. */
  #lastStep: Promise<void> = Promise.resolve();
  #nextWrite: Promise<void> | undefined;
  /** What is written while the file is made anew, which the new one needs as well. */
  #writtenMeanwhile: Buffer[] | undefined;
  #making: Promise<void> = Promise.resolve();

  private constructor(file: FileHandle, options: JournalOptions) {
    this.#file = file;
    this.#options = options;
    this.#sizeBytes = options.sizeBytes;
  }

  /** Opens the file, or makes it from the contents when there is none. */
  static async open(options: JournalOptions): Promise<Journal> {
    if (options.sizeBytes === 0) await makeFile(options.file, options.contents());
    const file = await open(options.file, "r+");
    const journal = new Journal(file, { ...options, sizeBytes: options.sizeBytes || (await file.stat()).size });
    await file.truncate(journal.#sizeBytes);
    journal.#makeAnewWhenDue();
    return journal;
  }

  /** Takes note of a change; what its document says is read when it is written. */
  add(change: Change): void {
    this.#pending.set(`${change.collection} ${change.id}`, change);
  }

  /** Resolves when every change that has been added so far is on disk. */
  settled(): Promise<void> {
    if (this.#pending.size > 0) this.#nextWrite ??= this.#inTurn(() => this.#write());
    return this.#nextWrite ?? this.#lastStep;
  }

  async close(): Promise<void> {
    await this.settled();
    await this.#making;
    await this.#file.close();
  }

  #inTurn(step: () => Promise<void>): Promise<void> {
    const { onFailure } = this.#options;
    this.#lastStep = this.#lastStep.then(step);
    this.#lastStep.catch(onFailure);
    return this.#lastStep;
  }

  async #write(): Promise<void> {
    this.#nextWrite = undefined;
    const line = encodeLine([...this.#pending.values()]);
    this.#pending.clear();
    await writeWhole(this.#file, line, this.#sizeBytes);
    await this.#file.datasync();
    this.#sizeBytes += line.length;
    this.#writtenMeanwhile?.push(line);
    this.#makeAnewWhenDue();
  }

  #makeAnewWhenDue(): void {
    if (this.#writtenMeanwhile !== undefined || this.#sizeBytes < 2 * this.#sizeWhenMade + slackBytes) return;
    this.#making = this.#makeAnew().catch(this.#options.onFailure);
  }

  /** Changes say all of a document, so it does no harm when the new file says some of them twice. */
  async #makeAnew(): Promise<void> {
    const draft = `${this.#options.file}.new`;
    this.#writtenMeanwhile = [];
    const sizeBytes = await writeContents(draft, this.#options.contents()).catch(() => undefined);
    await this.#inTurn(async () => {
      const lines = Buffer.concat(this.#writtenMeanwhile ?? []);
      this.#writtenMeanwhile = undefined;
      const file = sizeBytes === undefined ? undefined : await complete(draft, lines, sizeBytes).catch(() => undefined);
      if (file === undefined || sizeBytes === undefined) return this.#giveUpMaking(draft);
      await rename(draft, this.#options.file);
      await syncDirectory(dirname(this.#options.file));
      await this.#file.close();
      this.#file = file;
      this.#sizeBytes = sizeBytes + lines.length;
      this.#sizeWhenMade = this.#sizeBytes;
    });
  }

  /** There is no space for two files: the old one goes on growing, and it is tried again when it has doubled. */
  async #giveUpMaking(draft: string): Promise<void> {
    await rm(draft, { force: true });
    this.#sizeWhenMade = this.#sizeBytes;
  }
}

/**
 * Tells `apply` all changes of a file, in order, and gives the length of what is good of it; 0 when there is no file.
 * The last line may have been cut off when the machine went down: nobody has been told that it was written.
 * @throws when an earlier line is damaged, since others relied on it
 */
export async function readJournal(file: string, apply: (change: Change) => void): Promise<number> {
  let sizeBytes = 0;
  let damagedAt: number | undefined;
  for await (const { line, isWhole } of splitLines(createReadStream(file, { highWaterMark: 1024 * 1024 }))) {
    if (damagedAt !== undefined)
      throw new Error(`${file} is damaged at byte ${damagedAt}; restore the directory from a backup`);
    const changes = isWhole ? decodeLine(line) : undefined;
    if (changes === undefined) damagedAt = sizeBytes;
    else sizeBytes += line.length + 1;
    changes?.forEach(apply);
  }
  return sizeBytes;
}

async function makeFile(file: string, contents: Iterable<Change>): Promise<void> {
  await writeContents(`${file}.new`, contents);
  await rename(`${file}.new`, file);
  await syncDirectory(dirname(file));
}

/** Writes a new file to disk; gives its size. */
async function writeContents(path: string, contents: Iterable<Change>): Promise<number> {
  await using file = await open(path, "w", 0o600);
  let sizeBytes = 0;
  for (const changes of grouped(contents)) {
    const line = encodeLine(changes);
    await writeWhole(file, line, sizeBytes);
    sizeBytes += line.length;
  }
  await file.datasync();
  return sizeBytes;
}

function* grouped(contents: Iterable<Change>): Generator<readonly Change[]> {
  let group: Change[] = [];
  for (const change of contents) {
    if (group.push(change) < changesPerLine) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

async function complete(path: string, lines: Buffer, position: number): Promise<FileHandle> {
  const file = await open(path, "r+");
  try {
    await writeWhole(file, lines, position);
    await file.datasync();
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function writeWhole(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}

/** A new name in a directory is safe only when the directory is on disk, too. */
export async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, "r");
  await directory.sync();
}
