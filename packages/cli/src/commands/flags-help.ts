import { describeFlags } from "@kyanite/service/config";

/** The server's flags, one a line. */
export async function flagsHelp(): Promise<string> {
  const flags = describeFlags();
  const width = Math.max(...flags.map(({ flag }) => flag.length));
  const lines = flags.map(({ flag, help }) => `  ${flag.padEnd(width)}  ${help}\n`);
  return `Flags (each is a KYANITE_ variable and a key of kyanite.yaml as well):\n${lines.join("")}`;
}
