import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import blobMetadata from "azurite/dist/src/blob/persistence/LokiBlobMetadataStore.js";
import type { BlobMetadataStore, Collection, Document, LokiDatabase } from "azurite/dist/src/stores.js";
import { Journal, readJournal } from "./journal.ts";
import type { Change } from "./journal-lines.ts";

/** Containers, blobs and blocks: what Azurite keeps in memory, and we on disk. */
export interface BlobIndex {
  /** Answers only when all that the answer may rest upon is on disk. */
  readonly store: BlobMetadataStore;
  /** The same without the waiting, for those whose answers go to nobody. */
  readonly memory: BlobMetadataStore;
  readonly journal: Journal;
}

type Documents = Map<number, Document>;

/** Opens the index of a directory, which may be one that Azurite itself has kept. */
export async function openBlobIndex(directory: string, onFailure: (cause: unknown) => void): Promise<BlobIndex> {
  const file = join(directory, "blob-index.journal");
  const { collections, sizeBytes } = await readIndex(directory, file);
  const memory = new blobMetadata.default(join(directory, "never written"), true);
  await memory.init();
  fill(memory.db, collections);
  const journal = await Journal.open({ file, sizeBytes, contents: () => contentsOf(memory.db), onFailure });
  await removeAzuritesIndex(directory);
  for (const collection of memory.db.collections) follow(collection, journal);
  return { store: answeringWhenSettled(memory, journal), memory, journal };
}

async function readIndex(directory: string, file: string) {
  const collections = new Map<string, Documents>();
  const apply = ({ collection, id, document }: Change) => {
    const documents = collections.get(collection) ?? new Map();
    collections.set(collection, documents);
    if (document === null) documents.delete(id);
    else documents.set(id, document);
  };
  if (existsSync(file)) return { collections, sizeBytes: await readJournal(file, apply) };
  for (const change of await readAzuritesIndex(directory)) apply(change);
  return { collections, sizeBytes: 0 };
}

const azuritesIndex = "__azurite_db_blob__.json";
const azuritesFiles = [azuritesIndex, `${azuritesIndex}~`, "__azurite_db_blob_extent__.json"] as const;

interface AzuritesDatabase {
  readonly collections: readonly { readonly name: string; readonly data: readonly Document[] }[];
}

/** What Azurite kept before there was a journal. */
async function readAzuritesIndex(directory: string): Promise<readonly Change[]> {
  const file = join(directory, azuritesIndex);
  if (!existsSync(file)) return [];
  const { collections } = parseDatabase(file, await readFile(file, "utf8"));
  return collections.flatMap(({ name, data }) =>
    data.map((document) => ({ collection: name, id: document.$loki, document })),
  );
}

function parseDatabase(file: string, text: string): AzuritesDatabase {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`${file} is damaged, so the blobs cannot be found; restore it from a backup`, { cause });
  }
}

/** An Azurite of old that found them, out of date, would remove blobs that they do not know. */
async function removeAzuritesIndex(directory: string): Promise<void> {
  for (const name of azuritesFiles) await rm(join(directory, name), { force: true });
}

function fill(database: LokiDatabase, collections: ReadonlyMap<string, Documents>): void {
  const filled = database.collections.map((collection) => {
    const documents = [...(collections.get(collection.name) ?? [])].sort(([one], [other]) => one - other);
    return { ...collection, data: documents.map(([, document]) => document), maxId: documents.at(-1)?.[0] ?? 0 };
  });
  database.loadJSONObject({ name: "blobs", collections: filled });
  for (const collection of database.collections) collection.ensureAllIndexes(true);
}

/** Documents may come and go while this is read: removing one would move those behind it, hence the copies. */
function* contentsOf(database: LokiDatabase): Generator<Change> {
  for (const { name, data } of database.collections)
    for (const document of [...data]) yield { collection: name, id: document.$loki, document };
}

function follow(collection: Collection, journal: Journal): void {
  const note = (document: Document) => journal.add({ collection: collection.name, id: document.$loki, document });
  collection.on("insert", note);
  collection.on("update", note);
  collection.on("delete", ({ $loki: id }) => journal.add({ collection: collection.name, id, document: null }));
}

/**
 * A store whose answers wait for the disk, refusals too: that a container exists already is taken for a promise that it
 * will. Azurite relies on nothing happening between some steps of its own, so these must not wait.
 */
function answeringWhenSettled(store: BlobMetadataStore, journal: Journal): BlobMetadataStore {
  return new Proxy(store, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return async (...parameters: readonly unknown[]) => {
        try {
          return await Reflect.apply(member, target, parameters);
        } finally {
          await journal.settled();
        }
      };
    },
  });
}
