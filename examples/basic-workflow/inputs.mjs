import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** Text files below these paths: the paths themselves, or the licences of the installed npm packages. */
export async function findInputs(paths, packagesDirectory) {
  const files =
    paths.length > 0
      ? (await Promise.all(paths.map(filesBelow))).flat()
      : (await filesBelow(packagesDirectory, 3)).filter(({ name }) => /(^|\/)licen[cs]e(\.(md|txt))?$/i.test(name));
  const texts = [];
  for (const file of files) if (await isText(file.path)) texts.push(file);
  return paths.length > 0 ? texts : texts.slice(0, 60);
}

async function filesBelow(path, depth = 20) {
  const entries = await readdir(path, { withFileTypes: true }).catch((error) => {
    if (error.code === "ENOTDIR") return undefined;
    throw error;
  });
  if (entries === undefined) return [{ name: path, path }];
  const found = [];
  for (const entry of entries.sort((one, other) => (one.name < other.name ? -1 : 1))) {
    const below = join(path, entry.name);
    if (entry.isFile()) found.push({ name: entry.name, path: below });
    else if (entry.isDirectory() && depth > 1)
      for (const file of await filesBelow(below, depth - 1))
        found.push({ name: `${entry.name}/${file.name}`, path: file.path });
  }
  return found;
}

async function isText(path) {
  const start = (await readFile(path)).subarray(0, 4096);
  return start.length > 0 && !start.includes(0);
}
