import type { Stats } from "node:fs";
import type { TaskUser } from "../user.ts";

/** Whether a user may read a file, or could allow it to itself. What the agent opens as root must not go further. */
export const mayRead = (file: Stats, user: TaskUser) => may(file, user, 0o4);

/** Whether a user may go through a directory, or could allow it to itself. */
export const maySearch = (directory: Stats, user: TaskUser) => may(directory, user, 0o1);

function may({ uid, gid, mode }: Stats, user: TaskUser, right: number): boolean {
  if (uid === user.uid) return true;
  return ((gid === user.gid ? mode >> 3 : mode) & right) !== 0;
}

/** What the system asks before it lets somebody go through a directory, or run or read a file. */
export type Right = "search" | "run" | "read";

/** Whether the system lets a user do something now. */
export function permits({ uid, gid, mode }: Stats, user: TaskUser, right: Right): boolean {
  if (user.uid === 0) return right !== "run" || (mode & 0o111) !== 0;
  const rights = uid === user.uid ? mode >> 6 : gid === user.gid ? mode >> 3 : mode;
  return (rights & (right === "read" ? 0o4 : 0o1)) !== 0;
}
