import { lstatSync, readlinkSync, type Stats, statSync } from "node:fs";

const mostLinks = 40;

/** Whether somebody may go through a directory. */
export type MayPass = (directory: Stats) => boolean;

/**
 * Where a path leads for somebody whose file system begins at `root`: links are followed as they would follow them, so
 * that none leads out of it. Undefined when there is nothing, or they may not go there.
 */
export function pathWithin(root: string, path: string, mayPass?: MayPass): string | undefined {
  const ahead = path.split("/").reverse();
  const way: string[] = [];
  for (let links = 0; ahead.length > 0; ) {
    const name = ahead.pop();
    if (!name || name === ".") continue;
    if (mayPass && !mayPass(statSync(placeOf(root, way)))) return undefined;
    if (name === "..") way.pop();
    else way.push(name);
    const found = lookAt(placeOf(root, way));
    if (found === undefined) return undefined;
    if (!found.isLink) continue;
    links += 1;
    if (links > mostLinks) return undefined;
    way.pop();
    if (found.target.startsWith("/")) way.length = 0;
    ahead.push(...found.target.split("/").reverse());
  }
  return placeOf(root, way);
}

const placeOf = (root: string, way: readonly string[]) =>
  way.length === 0 ? root : `${root === "/" ? "" : root}/${way.join("/")}`;

function lookAt(
  path: string,
): { readonly isLink: false } | { readonly isLink: true; readonly target: string } | undefined {
  try {
    const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink();
    if (isLink === undefined) return undefined;
    return isLink ? { isLink, target: readlinkSync(path) } : { isLink };
  } catch {
    return undefined;
  }
}
