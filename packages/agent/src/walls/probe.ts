import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock, Log } from "@kyanite/runtime";
import { openWalls } from "./walls.ts";

/** Why nodes below this data directory can have no walls; undefined when they can. Builds some to see. */
export async function wallsObstacle(
  dataDirectory: string,
  means: { readonly clock: Clock; readonly log: Log },
): Promise<string | undefined> {
  const directory = join(dataDirectory, "walls-check");
  const root = join(directory, "root");
  await mkdir(root, { recursive: true });
  const walls = await openWalls({
    ...means,
    directory,
    root,
    hidden: dataDirectory,
    sockets: [],
    userIds: { first: 1, last: 1 },
  });
  await walls.end({ erase: true });
  await rm(directory, { recursive: true, force: true });
  return walls.obstacle;
}
