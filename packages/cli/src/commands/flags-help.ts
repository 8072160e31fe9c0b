import { describeFindingFlags, describeFlags } from "@kyanite/service/config";

/** The server's flags, one a line: all of them, or only those that say which server is meant. */
export async function flagsHelp(which: "all" | "finding"): Promise<string> {
  const flags = which === "all" ? describeFlags() : describeFindingFlags();
  const width = Math.max(...flags.map(({ flag }) => flag.length));
  const lines = flags.map(({ flag, help }) => `  ${flag.padEnd(width)}  ${help}\n`);
  return `Flags (each is a KYANITE_ variable and a key of kyanite.yaml as well):\n${lines.join("")}`;
}
