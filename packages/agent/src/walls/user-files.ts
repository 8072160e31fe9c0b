import { readFile } from "node:fs/promises";
import { runTool } from "../tool.ts";
import type { Walls } from "./walls.ts";

/**
 * Tells a node which accounts its machine has made for it: the node has files of users and groups of its own, which
 * those of the machine do not reach.
 * @param suffix what the names of this node's accounts end with
 */
export async function tellNode(walls: Walls, suffix: string): Promise<void> {
  if (walls.obstacle !== undefined) return;
  await walls.ready();
  for (const file of ["passwd", "group", "shadow"]) {
    const ofMachine = await readFile(`/etc/${file}`, "utf8");
    const ofNode = await inNode(walls, ["/bin/cat", `/etc/${file}`]);
    const text = withAccounts(ofNode, file === "shadow" ? withoutHashes(ofMachine) : ofMachine, suffix);
    if (text === ofNode) continue;
    // At once, as a task may be reading it; with the rights of the one before.
    const script = 'cp -p "$1" "$1.new" && cat >"$1.new" && mv "$1.new" "$1"';
    await inNode(walls, ["/bin/sh", "-c", script, "sh", `/etc/${file}`], text);
  }
}

function inNode(walls: Walls, [program, ...args]: readonly [string, ...string[]], input = ""): Promise<string> {
  const entrance = walls.enter(program, args, undefined);
  return runTool(entrance.program, entrance.args, { input });
}

/** The lines of a node, with those that its machine has for the node's accounts now. */
export function withAccounts(ofNode: string, ofMachine: string, suffix: string): string {
  const isAccount = (line: string) => line.split(":")[0]?.endsWith(suffix) === true;
  const others = linesOf(ofNode).filter((line) => !isAccount(line));
  const accounts = linesOf(ofMachine).filter(isAccount);
  return [...others, ...accounts].map((line) => `${line}\n`).join("");
}

const linesOf = (text: string) => text.split("\n").filter(Boolean);

/** Nobody gives a password to a task. */
const withoutHashes = (shadow: string) => shadow.replace(/^([^:\n]*):[^:\n]*:/gm, "$1:*:");
