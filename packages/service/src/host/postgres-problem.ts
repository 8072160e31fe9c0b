const remedies: readonly (readonly [RegExp, string])[] = [
  [/No space left on device|wrote only \d+ of|Disk quota exceeded/, "free some space, or choose another --data-dir"],
  [/Permission denied/, "give PostgreSQL's user the right to it, or choose another --data-dir"],
  [/insufficient file descriptors|Too many open files/, 'raise the limit of open files, as with "ulimit -n 4096"'],
  [/unrecognized configuration parameter|invalid value for parameter|syntax error in file/, "mend local.conf"],
  [/Cannot allocate memory/, "free some memory"],
  [/invalid checkpoint record|could not locate|is not a valid|incorrect checksum/, "restore a backup"],
];

/** Why PostgreSQL or `initdb` ended, in its own words, and what to do about it. */
export function postgresProblem(output: string): string {
  const lines = output.trim().split("\n");
  const known = remedies.flatMap(([pattern, remedy]) => {
    const line = lines.findLast((each) => pattern.test(each));
    return line === undefined ? [] : [`${reasonIn(line)}: ${remedy}`];
  });
  const told = lines.findLast((line) => /(FATAL|PANIC|ERROR|error):/.test(line)) ?? lines.at(-1) ?? "";
  return known[0] ?? (reasonIn(told) || "it says nothing");
}

const reasonIn = (line: string) => line.replace(/^.*?(LOG|FATAL|PANIC|ERROR|error):\s*/, "");
