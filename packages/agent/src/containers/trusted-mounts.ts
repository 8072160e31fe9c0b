import { spawn } from "node:child_process";
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { Directory } from "@kyanite/runtime";
import { isWithin, namesBetween } from "../paths.ts";
import { findEntry, Unreachable } from "../task-files/entry.ts";
import { runTool } from "../tool.ts";
import type { TaskUser } from "../user.ts";

/**
 * What containers see of their node. The runtime follows links, with all rights, and later than anybody could look: so
 * it is given places that no task can change, on which the agent has mounted what it has found in the node's root. Such
 * a mount lets nobody have more rights by a program's owner, and holds no devices. An agent that is not root cannot
 * mount; there the runtime gets the path itself, once it is known to stay in the root.
 */
export interface TrustedMounts {
  /** For the node's whole root. */
  ofRoot(): Promise<string>;
  /**
   * For something below the root.
   * @param user who must have the right to come there, when not everybody may
   * @throws Unreachable, and the system's errors
   */
  of(path: string, run: { readonly runId: string; readonly user: TaskUser | undefined }): Promise<string>;
  /** For nothing: a directory in which there is nothing, and where nobody writes. */
  empty(): string;
  release(runId: string): Promise<void>;
  /** Takes away what former agents have left, but for the root and what these runs use. */
  keepOnly(runIds: readonly string[]): Promise<void>;
  /** Takes all away. */
  clear(): Promise<void>;
}

const places = "container-mounts";

/** @param directory the node's own, which no task can reach */
export function trustedMounts(directory: string, root: string): TrustedMounts {
  const home = join(directory, places);
  const wholeRoot = join(home, "root");
  const empty = () => {
    const place = join(home, "empty");
    mkdirSync(place, { recursive: true, mode: 0o555 });
    return place;
  };
  if (process.getuid?.() !== 0) return pathsThemselves(root, empty);
  let count = 0;
  /** Where nothing is mounted yet: what a former agent has mounted there would be written to. */
  const newPlace = (runId: string) => {
    let place: string;
    do {
      count += 1;
      place = join(home, runId, String(count));
    } while (existsSync(place));
    return place;
  };
  let ready: Promise<string> | undefined;
  const mountRoot = async () => {
    if (mountsBelow(home).includes(wholeRoot)) return wholeRoot;
    mkdirSync(wholeRoot, { recursive: true, mode: 0o700 });
    using source = Directory.open(root);
    await mount(source.fd, wholeRoot);
    return wholeRoot;
  };
  return {
    ofRoot() {
      ready ??= mountRoot().catch((cause: unknown) => {
        ready = undefined;
        throw cause;
      });
      return ready;
    },
    async of(path, { runId, user }) {
      using found = findEntry(namesBetween(root, path), { root, followsLast: true, user });
      const place = newPlace(runId);
      const isDirectory = found.name === undefined || found.stat.isDirectory();
      mkdirSync(isDirectory ? place : dirname(place), { recursive: true, mode: 0o700 });
      if (!isDirectory) writeFileSync(place, "", { mode: 0o600 });
      const source = found.name === undefined ? found.directory.path : found.directory.at(found.name);
      const fd = openSync(source, O_PATH | constants.O_NOFOLLOW);
      try {
        if (fstatSync(fd).isSymbolicLink()) throw new Unreachable("Somebody has put a link there");
        await mount(fd, place);
      } finally {
        closeSync(fd);
      }
      return place;
    },
    empty,
    release: (runId) => unmountBelow(join(home, runId)),
    async keepOnly(runIds) {
      const kept = [basename(wholeRoot), ...runIds];
      const found = existsSync(home) ? readdirSync(home) : [];
      for (const name of found.filter((each) => !kept.includes(each))) await unmountBelow(join(home, name));
    },
    async clear() {
      ready = undefined;
      await unmountBelow(home);
    },
  };
}

/** Names a file without opening it. */
const O_PATH = 0o10000000;

function pathsThemselves(root: string, empty: TrustedMounts["empty"]): TrustedMounts {
  return {
    empty,
    ofRoot: async () => root,
    async of(path, { user }) {
      using found = findEntry(namesBetween(root, path), { root, followsLast: true, user });
      return join(root, ...found.trail, found.name ?? "");
    },
    release: async () => {},
    keepOnly: async () => {},
    clear: async () => {},
  };
}

const script = 'mount -n -c --bind /proc/self/fd/3 "$1" && mount -n -o remount,bind,nosuid,nodev "$1"';

async function mount(fd: number, place: string): Promise<void> {
  const child = spawn("/bin/sh", ["-c", script, "kyanite-mount", place], {
    cwd: "/",
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
    stdio: ["ignore", "ignore", "ignore", fd],
  });
  const code = await new Promise<number | null>((resolve, reject) =>
    child.once("error", reject).once("close", resolve),
  );
  if (code !== 0) throw new Error(`it could not be mounted (${code})`);
}

/** Takes away what is mounted below a directory, and the directory. */
async function unmountBelow(directory: string): Promise<void> {
  const mounted = mountsBelow(directory).toReversed();
  if (mounted.length > 0) await runTool("umount", ["-n", "-l", ...mounted]);
  // What is mounted is none of ours to remove.
  if (mountsBelow(directory).length > 0) throw new Error(`something is mounted below ${directory}`);
  rmSync(directory, { recursive: true, force: true });
}

/** In the order in which they were mounted. */
function mountsBelow(directory: string): readonly string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => (line.split(" ")[4] ?? "").replace(/\\([0-7]{3})/g, (_, digits: string) => octal(digits)))
    .filter((path) => path !== "" && isWithin(directory, path));
}

const octal = (digits: string) => String.fromCharCode(Number.parseInt(digits, 8));
