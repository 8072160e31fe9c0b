import type { PastFile } from "../../domain/run/past-run.ts";

interface KeptListRequest {
  readonly recursive: boolean;
  readonly prefix: string | undefined;
  readonly after?: string;
  readonly limit: number;
}

/**
 * The names that a list of kept files shows, and the directories on the way to them, as a node would list them: one
 * level deep unless it is recursive, below the directory that a prefix names.
 */
export function keptList(
  files: readonly Pick<PastFile, "path">[],
  { recursive, prefix = "", after, limit }: KeptListRequest,
): { readonly names: readonly string[]; readonly next?: string } {
  const begin = prefix.toLowerCase();
  const depth = prefix.split("/").length;
  const all = new Set(files.flatMap(({ path }) => withParents(path)));
  const names = [...all]
    .filter((name) => name.toLowerCase().startsWith(begin))
    .filter((name) => recursive || name.split("/").length === depth)
    .filter((name) => after === undefined || name > after)
    .sort();
  const page = names.slice(0, limit);
  const last = page.at(-1);
  return { names: page, ...(names.length > limit && last !== undefined ? { next: last } : {}) };
}

const withParents = (path: string) => path.split("/").map((_, index, names) => names.slice(0, index + 1).join("/"));
