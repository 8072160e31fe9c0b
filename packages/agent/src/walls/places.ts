import { existsSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { dirname } from "node:path";
import { isWithin } from "../paths.ts";

/** A directory of the machine, or a single file that is mounted, that a node sees at the same path. */
export interface SeenDirectory {
  readonly path: string;
  readonly access: "ro" | "rw";
}

/** They hold no files of the machine, or each node has its own. */
const leftOut = ["/", "/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/var/run"];
const kinds = ["ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "nfs", "nfs4", "cifs", "smb3", "ceph", "lustre"];
const moreKinds = ["gpfs", "beegfs", "9p", "virtiofs", "fuse.sshfs", "fuse.blobfuse2", "squashfs", "vfat", "exfat"];

/**
 * What a node sees of the machine's other file systems, which a copy of its first one does not hold: they can only be
 * read. The node's shares can be written.
 * @param mountInfo text of `/proc/self/mountinfo`
 */
export function seenDirectories(
  mountInfo: string,
  { hidden, shares }: { readonly hidden: string; readonly shares: readonly string[] },
): readonly SeenDirectory[] {
  const mounts = mountInfo
    .split("\n")
    .flatMap(mountPoint)
    .filter((path) => !isLeftOut(path) && !isWithin(hidden, path));
  const readable = mounts.map((path): SeenDirectory => ({ path, access: "ro" }));
  return [...readable, ...shares.map((path): SeenDirectory => ({ path, access: "rw" }))];
}

/** The place of a mount that holds files, from a line such as `36 35 98:0 / /mnt rw shared:1 - ext4 /dev/sda1 rw`. */
function mountPoint(line: string): string[] {
  const [before = "", after = ""] = line.split(" - ");
  const path = before.split(" ")[4];
  const kind = after.split(" ")[0] ?? "";
  if (path === undefined || ![...kinds, ...moreKinds].includes(kind)) return [];
  return [path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))];
}

const isLeftOut = (path: string) => leftOut.some((place) => path === place || (place !== "/" && isWithin(place, path)));

/**
 * What hides services of the machine: the directories in which they listen, since a service that is started again makes
 * its socket anew, which what covered the former one does not cover. Of a directory that holds much else, such as a home,
 * the socket itself.
 */
export function closedPlaces(sockets: readonly string[], hidden: string): readonly string[] {
  const kept = [hidden, realOf(homedir())];
  const holdsMore = (directory: string) =>
    dirname(directory) === "/" || kept.some((place) => place !== undefined && isWithin(directory, place));
  const places = [...sockets, ...sockets.map(realOf)].flatMap((socket) => {
    const directory = socket && realOf(dirname(socket));
    if (!directory || isWithin(hidden, directory)) return [];
    return (holdsMore(directory) ? realOf(socket) : directory) ?? [];
  });
  return [...new Set(places)];
}

const realOf = (path: string) => (existsSync(path) ? realpathSync.native(path) : undefined);
