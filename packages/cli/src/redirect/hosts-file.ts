const begin = "# Kyanite redirect: begin. `kyanite redirect off` removes these lines.";
const end = "# Kyanite redirect: end.";

/** The text of a hosts file in which these names are this machine's own, in lines that are marked as ours. */
export function withNames(text: string, names: Iterable<string>): string {
  const others = withoutNames(text);
  const separator = others === "" || others.endsWith("\n") ? "" : "\n";
  // Only then is it known at the removal that there was none.
  const first = separator === "" ? begin : `${begin} No line end before.`;
  return `${others}${separator}${[first, ...[...names].map((name) => `127.0.0.1 ${name}`), end].join("\n")}\n`;
}

/** The text as it was before, whatever has been added to it since. */
export function withoutNames(text: string): string {
  const at = text.indexOf(begin);
  const last = text.indexOf(`${end}\n`, at);
  if (at < 0 || last < 0) return text;
  const hadNoLineEnd = text.startsWith(`${begin} No`, at);
  const before = text.slice(0, hadNoLineEnd ? at - 1 : at);
  const after = text.slice(last + end.length + 1);
  return before + (hadNoLineEnd && after !== "" ? "\n" : "") + after;
}
