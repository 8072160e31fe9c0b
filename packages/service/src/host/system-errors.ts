const isDirectory = (place: string) => `${place} is a directory and should be a file: remove it`;

/** What the operating system's errors mean for who runs a server: its path, and what can be done. */
const explanations: Readonly<Record<string, (place: string) => string>> = {
  ENOSPC: (place) => `no space is left for ${place}: free some, or choose another --data-dir`,
  EDQUOT: (place) => `the quota of this user leaves no space for ${place}: raise it, or choose another --data-dir`,
  EACCES: (place) => `this user may not use ${place}: give it the right to, or choose another --data-dir`,
  EPERM: (place) => `this user may not change ${place}: give it the right to, or choose another --data-dir`,
  EROFS: (place) => `${place} is on a file system that is read-only: choose another --data-dir`,
  EIO: (place) => `${place} cannot be read or written, the disk reports an error: look at the system's log`,
  ENOTDIR: (place) => `${place} is below a file, not a directory: choose another --data-dir`,
  EEXIST: (place) => `${place} is in the way: remove it, or choose another --data-dir`,
  EISDIR: isDirectory,
  // What Node's own `rm` says.
  ERR_FS_EISDIR: isDirectory,
  ENOENT: (place) => `${place} is not there and cannot be made: choose another --data-dir`,
  ENAMETOOLONG: (place) => `the path ${place} is too long: choose a shorter --data-dir`,
  EMFILE: () => 'too many files are open: raise the limit, as with "ulimit -n 4096"',
  ENFILE: () => "the machine has too many files open: end what holds them, or raise fs.file-max",
};

/** An error in a sentence for people, with a remedy where the operating system's code tells one. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const explain = "code" in error && "syscall" in error ? explanations[String(error.code)] : undefined;
  if (!explain) return error.message;
  return explain("path" in error && typeof error.path === "string" ? error.path : "a file");
}
