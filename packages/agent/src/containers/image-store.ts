import type { Log } from "@kyanite/runtime";
import { messageOf } from "../failure.ts";
import { openLedger, readLedger } from "../ledger.ts";
import type { ContainerRuntime } from "./runtime.ts";

/**
 * The images that agents of this machine have pulled. What was on it before is nobody's to remove; of the others those
 * go that no node's pool refers to, the longest unused first, when all together take more than they may.
 */
export interface ImageStore {
  /** A run uses an image. */
  use(name: string): void;
  /** An image was pulled: others may have to go. */
  add(name: string): Promise<void>;
  /** The pool of a node refers to these, until the node refers to none. */
  refer(node: string, names: readonly string[]): void;
  close(): void;
}

interface StoreOptions {
  readonly file: string;
  readonly runtime: () => Promise<ContainerRuntime>;
  /** How much they may take together; no limit when 0. */
  readonly mostBytes: number;
  readonly log: Log;
}

interface Entry {
  readonly image: string;
  readonly isGone?: true;
}

export async function openImageStore({ file, runtime, mostBytes, log }: StoreOptions): Promise<ImageStore> {
  /** Our images, the longest unused first. */
  const own = new Set<string>();
  const references = new Map<string, readonly string[]>();
  const note = ({ image, isGone }: Entry) => {
    own.delete(image);
    if (!isGone) own.add(image);
  };
  for (const entry of await readLedger(file)) if (isEntry(entry)) note(entry);
  const ledger = openLedger({ file, current: () => [...own].map((image) => ({ image })) });
  const keep = (entry: Entry) => {
    note(entry);
    ledger.append(entry);
  };
  const removeOne = async (image: string): Promise<boolean> => {
    try {
      const { api } = await runtime();
      await api.getImage(image).remove();
      log.info("image removed", { image });
      return true;
    } catch (cause) {
      // A container may use it still.
      log.info("image not removed", { image, reason: messageOf(cause) });
      return false;
    }
  };
  const makeRoom = async () => {
    if (mostBytes === 0) return;
    const sizes = await sizesOf(runtime, own);
    let total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    const wanted = new Set([...references.values()].flat());
    for (const image of [...own].filter((name) => !wanted.has(name)).slice(0, -1)) {
      if (total <= mostBytes) return;
      const size = sizes.get(image);
      if (size !== undefined && !(await removeOne(image))) continue;
      keep({ image, isGone: true });
      total -= size ?? 0;
    }
  };
  return {
    use(name) {
      if (own.has(name)) keep({ image: name });
    },
    async add(name) {
      keep({ image: name });
      await makeRoom().catch((cause: unknown) => log.warn("images not looked at", { reason: messageOf(cause) }));
    },
    refer(node, names) {
      if (names.length > 0) references.set(node, names);
      else references.delete(node);
    },
    close: () => ledger.close(),
  };
}

const isEntry = (entry: unknown): entry is Entry =>
  typeof entry === "object" && entry !== null && "image" in entry && typeof entry.image === "string";

/** Of those that are there. */
async function sizesOf(
  runtime: () => Promise<ContainerRuntime>,
  names: ReadonlySet<string>,
): Promise<ReadonlyMap<string, number>> {
  const { api } = await runtime();
  const listed = await api.listImages();
  return new Map(
    listed.flatMap(({ RepoTags, RepoDigests, Size }) =>
      [...(RepoTags ?? []), ...(RepoDigests ?? [])]
        .filter((name) => names.has(name))
        .map((name) => [name, Size] as const),
    ),
  );
}
