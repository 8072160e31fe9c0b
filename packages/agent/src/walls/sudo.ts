import { mkdir } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { writeFileAtomically } from "@kyanite/runtime";
import type { LinuxUser } from "../linux-user.ts";
import { isExecutable, runTool } from "../tool.ts";
import { sudoKeys, sudoScript } from "./sudo-script.ts";
import type { Walls } from "./walls.ts";

const giving = `
set -eu
rm -rf ${sudoKeys}
head -n 2 /usr/bin/sudo 2>/dev/null | grep -q 'of a Kyanite node' || exit 0
mkdir -m 755 ${sudoKeys}
for id in "$@"; do
  mkdir -m 700 ${sudoKeys}/$id
  cp "$(command -v setpriv)" ${sudoKeys}/$id/setpriv
  chmod 4755 ${sudoKeys}/$id/setpriv
  chown "$id" ${sudoKeys}/$id
  chmod 500 ${sudoKeys}/$id
done
`;

/**
 * For nodes without walls, of whose machine nothing is changed: the search path of commands with a `sudo` at its end.
 * @param directory the agent's own, which every user may pass through
 */
export async function withSudo(commandPath: string, directory: string): Promise<string> {
  const places = [...commandPath.split(delimiter), "/usr/bin", "/bin"];
  if (places.some((place) => isExecutable(join(place, "sudo")))) return commandPath;
  const programs = join(directory, "bin");
  await mkdir(programs, { recursive: true });
  await writeFileAtomically(join(programs, "sudo"), sudoScript, 0o755);
  return [commandPath, programs].join(delimiter);
}

/** Lets these accounts of a node use its own `sudo`, and no others; where the machine has one its rules count. */
export async function letUseSudo(walls: Walls, administrators: readonly LinuxUser[]): Promise<void> {
  if (walls.obstacle !== undefined) return;
  await walls.ready();
  const ids = administrators.map(({ uid }) => String(uid));
  const { program, args } = walls.enter("/bin/sh", ["-c", giving, "sh", ...ids], undefined);
  await runTool(program, args);
}
