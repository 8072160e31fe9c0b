import { dirname, normalize, relative, resolve } from "node:path";
import type { Directory } from "@kyanite/runtime";
import type { NameReader } from "./task-files/names.ts";
import { Walk } from "./task-files/walk.ts";

/** Something that stands for a character, or for a run of them. */
type Token =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "one" }
  | { readonly kind: "class"; readonly accepts: (character: string) => boolean }
  | { readonly kind: "many" }
  | { readonly kind: "deep" }
  | { readonly kind: "directories" };

/** An output file pattern, its variables expanded: a fixed directory, and what is matched below it. */
export interface FilePattern {
  /** Absolute. */
  readonly base: string;
  /** The rest, relative to `base`. Without wildcards it is one file's name, as written. */
  readonly rest: string;
  readonly hasWildcard: boolean;
}

/** Reads a pattern relative to a directory. Everything before the first part with a wildcard is fixed. */
export function parsePattern(
  pattern: string,
  directory: string,
  environment: Readonly<Record<string, string>>,
): FilePattern {
  const parts = expandVariables(pattern, environment).split("/");
  const first = parts.findIndex((part) => tokens(part).some(({ kind }) => kind !== "text"));
  if (first === -1) {
    const file = resolve(directory, normalize(parts.map(literal).join("/")));
    return { base: dirname(file), rest: relative(dirname(file), file), hasWildcard: false };
  }
  const fixed = parts.slice(0, first).map(literal).join("/");
  const base = resolve(directory, first > 0 && fixed === "" ? "/" : fixed);
  return {
    base,
    rest: parts
      .slice(first)
      .filter((part) => part !== "" && part !== ".")
      .join("/"),
    hasWildcard: true,
  };
}

/** `$NAME` and `${NAME}`; a value stands for itself, not for a pattern. What is not set stays as it is. */
function expandVariables(pattern: string, environment: Readonly<Record<string, string>>): string {
  return pattern.replace(/\$(?:(\w+)|\{(\w+)\})/g, (all, plain, braced) => {
    const value = environment[plain ?? braced];
    return value === undefined ? all : value.replace(/[*?[]/g, "[$&]");
  });
}

const literal = (part: string) =>
  tokens(part)
    .map((token) => (token.kind === "text" ? token.text : ""))
    .join("");

function tokens(pattern: string): readonly Token[] {
  const found: Token[] = [];
  for (const [all, set] of pattern.matchAll(/(?<=^|\/)\*\*\/|\*\*+|\*|\?|\[(!?[^/]?[^\]/]*)\]|./gsu)) {
    found.push(tokenOf(all, set));
  }
  return found;
}

function tokenOf(text: string, set: string | undefined): Token {
  if (text === "**/") return { kind: "directories" };
  if (text.startsWith("**")) return { kind: "deep" };
  if (text === "*") return { kind: "many" };
  if (text === "?") return { kind: "one" };
  if (set === undefined || set === "" || set === "!") return { kind: "text", text };
  const [only, ...more] = set;
  return only !== undefined && more.length === 0
    ? { kind: "text", text: only }
    : { kind: "class", accepts: parseClass(set) };
}

function parseClass(set: string): (character: string) => boolean {
  const isNegated = set.startsWith("!");
  const ranges = [...set.slice(isNegated ? 1 : 0).matchAll(/(.)-(.)|(.)/gsu)].map(
    ([, from, to, single]) => [from ?? single ?? "", to ?? single ?? ""] as const,
  );
  return (character) => ranges.some(([from, to]) => from <= character && character <= to) !== isNegated;
}

/**
 * Whether a pattern's rest matches a path. All ways are followed side by side, so that no pattern takes longer than
 * its length times the path's. A wildcard does not match a dot that begins a name.
 */
export function patternMatcher(rest: string): (path: string) => boolean {
  const all = tokens(rest);
  return (path) => {
    let states = skipEmpty(all, new Set([0]), true);
    let isStart = true;
    for (const character of path) {
      states = skipEmpty(all, step(all, states, { character, isStart }), character === "/");
      isStart = character === "/";
    }
    return states.has(all.length);
  };
}

function step(all: readonly Token[], states: ReadonlySet<number>, at: { character: string; isStart: boolean }) {
  const { character, isStart } = at;
  const next = new Set<number>();
  const isHidden = isStart && character === ".";
  for (const state of states) {
    const token = all[state];
    if (token === undefined) continue;
    if (token.kind === "text") {
      if (token.text === character) next.add(state + 1);
      continue;
    }
    if (isHidden || (character === "/" && token.kind !== "deep" && token.kind !== "directories")) continue;
    if (token.kind === "one" || (token.kind === "class" && token.accepts(character))) next.add(state + 1);
    else if (token.kind !== "class") next.add(state);
  }
  return next;
}

/** Adds what can be reached without a character: a run may be empty, and `**` + `/` may be no directory at all. */
function skipEmpty(all: readonly Token[], states: ReadonlySet<number>, isStart: boolean): Set<number> {
  const reached = new Set(states);
  for (const state of reached) {
    const kind = all[state]?.kind;
    if (kind === "many" || kind === "deep" || (kind === "directories" && isStart)) reached.add(state + 1);
  }
  return reached;
}

/** Paths of what matches below the pattern's base, but for directories. Linked directories are not entered. */
export async function* matchingFiles(
  base: Directory,
  { rest, hasWildcard }: FilePattern,
  reader: NameReader,
): AsyncGenerator<string> {
  if (!hasWildcard) {
    yield rest;
    return;
  }
  const matches = patternMatcher(rest);
  const deepest = rest.includes("**") ? Number.POSITIVE_INFINITY : rest.split("/").length;
  using walk = new Walk(base, reader);
  for (let found = await walk.next(); found; found = await walk.next()) {
    const { directory, name, path } = found;
    if (!directory.lstat(name)?.isDirectory()) {
      if (matches(path)) yield path;
    } else if (path.split("/").length < deepest) walk.enter();
  }
}
