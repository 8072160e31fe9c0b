import type { TaskUser } from "../user.ts";

/** How a program is started so that it runs inside a node, as one of its users. */
export interface Entrance {
  readonly program: string;
  readonly args: readonly string[];
  /** As whom the agent starts it, when not as itself. */
  readonly ids: { readonly uid?: number; readonly gid?: number };
}

/** The node that is entered, and the machine's programs for it. */
interface Target {
  /** The node's first process, as the machine calls it. */
  readonly pid: number;
  readonly tools: { readonly nsenter: string; readonly setpriv: string; readonly unshare: string };
}

type Command = readonly [program: string, ...args: string[]];

/** Inside the walls of an agent that is root: a shell that its user can execute and not read. */
export const unreadableShell = "/run/kyanite-shell";

/**
 * What root of a node may do: what installing and running programs takes. It may not mount, load modules, trace or
 * make devices, and not capture what the machine's network carries.
 */
const rootCapabilities = [
  "chown",
  "dac_override",
  "fowner",
  "fsetid",
  "kill",
  "setgid",
  "setuid",
  "setpcap",
  "setfcap",
  "net_bind_service",
  "sys_chroot",
  "audit_write",
];

/** An ordinary user's node is entered with that user's rights, and no others are to be had. */
export function enterAsOneself({ pid, tools }: Target, command: Command): Entrance {
  const spaces = ["--mount", "--pid", "--ipc", "--no-fork", "--user", "--preserve-credentials"];
  return { program: tools.nsenter, args: [`--target=${pid}`, ...spaces, "--", ...command], ids: {} };
}

/**
 * The first program of the node that is executed is that of the command, when the process is the user's already and can
 * get no other rights: an administrator of the node may have replaced any of its programs.
 */
export function enterAsUser({ pid, tools }: Target, command: Command, { uid, gid }: TaskUser): Entrance {
  const never = ["--no-new-privs", "--inh-caps=-all"];
  const node = `/proc/${pid}/root/node`;
  // Without a working directory inside it would keep that of the agent.
  const spaces = ["--mount", "--pid", "--ipc", "--no-fork", `--root=${node}`, `--wd=${node}`];
  const enter = [tools.nsenter, `--target=${pid}`, ...spaces, `--setgid=${gid}`, `--setuid=${uid}`];
  return { program: tools.setpriv, args: [...never, "--", ...enter, "--", ...command], ids: {} };
}

/**
 * Who is or may become root of the node is inside its process namespace before a program of the node is executed, and
 * has no rights left that reach beyond it. Until then it executes the machine's programs, at the gate of the node.
 */
export function enterWithRights(
  { pid, tools }: Target,
  command: Command,
  user: TaskUser | undefined,
  directory: string,
): Entrance {
  const bound = ["-all", ...rootCapabilities.map((name) => `+${name}`)].join(",");
  const rights = ["/usr/bin/setpriv", "--clear-groups", "--inh-caps=-all", `--bounding-set=${bound}`];
  const ids = user === undefined ? [] : [`--setgid=${user.gid}`, `--setuid=${user.uid}`];
  const node = ["/usr/bin/unshare", "--root=/node", `--wd=${directory}`, ...ids];
  const enter = [`--target=${pid}`, "--mount", "--pid", "--ipc"];
  return { program: tools.nsenter, args: [...enter, "--", ...rights, "--", ...node, "--", ...command], ids: {} };
}
