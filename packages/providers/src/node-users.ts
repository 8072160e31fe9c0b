import { randomUUID } from "node:crypto";
import { chmod, link, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hasErrorCode, type IdRange, readTextIfExists, writeFileAtomically } from "@kyanite/runtime";

/** How many users a node has: one that its runs share, and one each for runs that have their own. */
const blockSize = 256;

export interface NodeUsersOptions {
  /** What all servers of this machine share: a file for each block of ids that a node has, which names the node. */
  readonly directory: string;
  readonly range: IdRange;
}

/** Gives each node ids of users and groups that no other node of the machine has, of whichever server. */
export interface NodeUsers {
  /** The ids of the node with this directory: the same until it is released. */
  claim(home: string): Promise<IdRange>;
  release(home: string): Promise<void>;
}

export function nodeUsers({ directory, range }: NodeUsersOptions): NodeUsers {
  let last: Promise<unknown> = Promise.resolve();
  /** One after the other: two would want the same block. */
  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const turn = last.then(work, work);
    last = turn;
    return turn;
  };
  return {
    claim: (home) => inTurn(() => claimBlock(home, directory, range)),
    release: async (home) => {
      const start = await ownBlock(home, directory);
      if (start !== undefined) await rm(join(directory, String(start)), { force: true });
    },
  };
}

const recordIn = (home: string) => join(home, "first-user-id");

/** Where the block of a node begins, if it has one that is its own in the eyes of others, too. */
async function ownBlock(home: string, directory: string): Promise<number | undefined> {
  const start = Number(await readTextIfExists(recordIn(home)));
  return start > 0 && (await readTextIfExists(join(directory, String(start)))) === home ? start : undefined;
}

async function claimBlock(home: string, directory: string, range: IdRange): Promise<IdRange> {
  // What others may not read each node hides from its tasks: better one directory than a file for every other node.
  await mkdir(directory, { recursive: true });
  await chmod(directory, 0o700);
  const own = await ownBlock(home, directory);
  const isFitting = own !== undefined && own >= range.first && own + blockSize - 1 <= range.last;
  const start = isFitting
    ? own
    : ((await takeFree(home, directory, range)) ?? (await takeLeft(home, directory, range)));
  if (start === undefined)
    throw new Error(`all user ids from ${range.first} to ${range.last} are in use: give more with --node-users`);
  await writeFileAtomically(recordIn(home), String(start));
  return { first: start, last: start + blockSize - 1 };
}

async function takeFree(home: string, directory: string, { first, last }: IdRange): Promise<number | undefined> {
  const taken = new Set(await readdir(directory));
  for (let start = first; start + blockSize - 1 <= last; start += blockSize)
    if (!taken.has(String(start)) && (await takes(join(directory, String(start)), home))) return start;
  return undefined;
}

/** Nodes whose data directory was deleted by hand have left their blocks behind. */
async function takeLeft(home: string, directory: string, range: IdRange): Promise<number | undefined> {
  for (const name of await readdir(directory)) {
    const owner = await readTextIfExists(join(directory, name));
    if (owner !== undefined && !(await exists(owner))) await rm(join(directory, name), { force: true });
  }
  return takeFree(home, directory, range);
}

/** With its content from the first moment on, so that another server never sees it empty. */
async function takes(file: string, home: string): Promise<boolean> {
  const prepared = `${file}.${randomUUID()}`;
  await writeFile(prepared, home, { mode: 0o600 });
  try {
    await link(prepared, file);
    return true;
  } catch (error) {
    if (hasErrorCode(error, "EEXIST")) return false;
    throw error;
  } finally {
    await rm(prepared, { force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => !hasErrorCode(error, "ENOENT", "ENOTDIR"),
  );
}

/**
 * Who of the machine has an id in a range, or may give one to a container; undefined when nobody does.
 * @param files the texts of passwd, group and subuid
 */
export function userWithin(
  { first, last }: IdRange,
  { passwd, group, subuid }: Readonly<Record<"passwd" | "group" | "subuid", string>>,
): string | undefined {
  const isWithin = (id: number, count = 1) => id <= last && id + count - 1 >= first;
  const rows = (text: string) => text.split("\n").map((line) => line.split(":"));
  const named = [...rows(passwd), ...rows(group)].find(([, , id]) => id && isWithin(Number(id)));
  const delegated = rows(subuid).find(([, start, count]) => start && isWithin(Number(start), Number(count)));
  return named?.[0] ?? delegated?.[0];
}

/** @throws with a sentence when ids of the range belong to users of this machine already */
export async function checkNodeUsers(range: IdRange): Promise<void> {
  const read = (name: string) => readFile(`/etc/${name}`, "utf8").catch(() => "");
  const [passwd, group, subuid] = await Promise.all(["passwd", "group", "subuid"].map(read));
  const owner = userWithin(range, { passwd: passwd ?? "", group: group ?? "", subuid: subuid ?? "" });
  if (owner !== undefined)
    throw new Error(
      `the user ids ${range.first}-${range.last} are not free: ${owner} of this machine has some of them. Choose others with --node-users`,
    );
}
