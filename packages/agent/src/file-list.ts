import type { FileList, FilesRequest, NodeFile } from "@kyanite/contract";
import { type Clock, hasErrorCode } from "@kyanite/runtime";
import { describe } from "./file-description.ts";
import { findDirectory, findEntry, Unreachable } from "./task-files/entry.ts";
import type { NameReader } from "./task-files/names.ts";
import { Walk, type WalkedEntry } from "./task-files/walk.ts";

type ListRequest = Extract<FilesRequest, { operation: "list" }>;

interface ListMeans {
  /** Of the node, absolute. */
  readonly root: string;
  readonly names: NameReader;
  readonly clock: Clock;
}

/** A page ends early rather than take longer or grow larger: what follows is in the next one. */
const longestMilliseconds = 3_000;
const mostCharacters = 1_000_000;
const mostFiles = 1_000;

/**
 * One page of what is in a directory, in the order of a walk. It costs what it shows, however much there is. A prefix
 * with slashes leads into directories: without `recursive` the list shows what is in the last of them.
 */
export async function listFiles(means: ListMeans, path: readonly string[], request: ListRequest): Promise<FileList> {
  const { after, limit = mostFiles } = request;
  const prefix = (request.prefix ?? "").toLowerCase();
  const { directory, trail } = findDirectory(path, means);
  using _ = directory;
  const enters = (below: string) => (request.recursive ? mayHold(below, prefix) : leadsTo(below, prefix));
  using walk = new Walk(directory, means.names, { after: after?.split("/") ?? [], enters });
  const latest = means.clock.now().getTime() + longestMilliseconds;
  const files: NodeFile[] = [];
  let characters = 0;
  let last = after;
  for (let entry = await walk.next(); entry; entry = await walk.next()) {
    const isWanted = entry.path.toLowerCase().startsWith(prefix);
    const file = isWanted ? describeEntry(entry, { root: means.root, trail, path }) : undefined;
    if (file && (files.length === limit || characters > mostCharacters)) return { files, ...nextAfter(last) };
    if (file) files.push(file);
    characters += file?.name.length ?? 0;
    last = entry.path;
    if (enters(entry.path) && isDirectory(entry)) walk.enter();
    if (means.clock.now().getTime() > latest) return { files, ...nextAfter(last) };
  }
  return { files };
}

const nextAfter = (next: string | undefined) => (next === undefined ? {} : { next });

/** Whether a name in a directory can begin so, with small letters for capital ones. */
const mayHold = (directory: string, prefix: string) =>
  leadsTo(directory, prefix) || `${directory}/`.toLowerCase().startsWith(prefix);

/** Whether only names in a directory can begin so. */
const leadsTo = (directory: string, prefix: string) => prefix.startsWith(`${directory}/`.toLowerCase());

const isDirectory = ({ directory, name }: WalkedEntry) => directory.lstat(name)?.isDirectory() ?? false;

interface Place {
  readonly root: string;
  /** Where the directory of the list really is, and how the client calls it. */
  readonly trail: readonly string[];
  readonly path: readonly string[];
}

/** A link is shown as what it leads to. Undefined for one that leads nowhere, or out, and for what is gone. */
function describeEntry({ directory, name, path }: WalkedEntry, place: Place): NodeFile | undefined {
  const stat = directory.lstat(name);
  const shown = [...place.path, path].join("/");
  if (!stat?.isSymbolicLink()) return stat && describe({ directory, name, stat }, shown);
  try {
    using target = findEntry([...place.trail, ...path.split("/")], { root: place.root, followsLast: true });
    return describe(target, shown);
  } catch (error) {
    if (error instanceof Unreachable || hasErrorCode(error, ...missing)) return undefined;
    throw error;
  }
}

const missing = ["ENOENT", "ENOTDIR", "ELOOP", "EACCES", "ENAMETOOLONG"];
