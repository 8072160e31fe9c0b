import { lstatSync, readdirSync, realpathSync, type Stats, statSync } from "node:fs";
import { dirname, join } from "node:path";

/** Something that not everybody of the machine may read, in a directory that everybody may. */
export interface ClosedEntry {
  readonly path: string;
  readonly isDirectory: boolean;
}

const mostEntries = 50_000;

/**
 * What of the machine root of a container would read there and no user of the machine may: private keys beside
 * certificates, for example. Undefined when the place itself is closed to everybody, or holds too much to look at.
 */
export function closedBelow(place: string): readonly ClosedEntry[] | undefined {
  const real = realpathSync.native(place);
  for (let above = dirname(real); ; above = dirname(above)) {
    if ((statSync(above).mode & 0o001) === 0) return undefined;
    if (above === "/") break;
  }
  if (isClosed(statSync(real))) return undefined;
  const closed: ClosedEntry[] = [];
  let seen = 0;
  const look = (path: string): boolean => {
    const found = lstatSync(path);
    seen += 1;
    if (found.isSymbolicLink()) return true;
    if (isClosed(found)) closed.push({ path, isDirectory: found.isDirectory() });
    else if (found.isDirectory())
      return seen < mostEntries && readdirSync(path).every((name) => look(join(path, name)));
    return true;
  };
  return look(real) ? closed : undefined;
}

function isClosed(found: Stats): boolean {
  const needed = found.isDirectory() ? 0o005 : 0o004;
  return (found.mode & needed) !== needed;
}
