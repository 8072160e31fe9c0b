const longestLine = 500;

/**
 * The last lines of a text.
 * @param request `isWhole`: whether the text begins where its file does, and not in the middle of a line
 */
export function linesAtEnd(
  bytes: Buffer,
  { lines, isWhole }: { readonly lines: number; readonly isWhole: boolean },
): readonly string[] {
  const all = bytes
    .toString("utf8")
    .replace(/\r?\n$/, "")
    .split(/\r?\n/);
  const complete = isWhole || all.length === 1 ? all : all.slice(1);
  if (complete.length === 1 && complete[0] === "") return [];
  return complete
    .slice(-lines)
    .map((line) => (line.length > longestLine ? `${line.slice(0, longestLine)}…` : line).replace(/\p{Cc}/gu, " "));
}
