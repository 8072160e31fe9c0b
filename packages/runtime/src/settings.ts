import { isAbsolute, resolve } from "node:path";

export type Parsed<Value> = { readonly value: Value } | { readonly problem: string };

/** One thing that an operator can set, as data: what it is, what it is when nobody says, and how its text is read. */
export interface Setting<Value> {
  readonly help: string;
  /** What stands for the value in the list of flags, such as PORT. */
  readonly placeholder: string;
  readonly initial: Value;
  /** `directory` is where a relative path starts. A problem continues the sentence "NAME: ..." and holds no secret. */
  parse(text: string, directory: string): Parsed<Value>;
}

type Settings = Readonly<Record<string, Setting<unknown>>>;
export type SettingValues<S extends Settings> = {
  readonly [Name in keyof S]: S[Name] extends Setting<infer Value> ? Value : never;
};

/** A place where settings come from. `origin` names it, and the setting in it, in messages. */
export interface SettingSource {
  find(name: string): { readonly text: string; readonly origin: string; readonly directory: string } | undefined;
}

/** Reads every setting from the first source that has it. What is wrong is added to `problems`. */
export function readSettings<S extends Settings>(
  settings: S,
  sources: readonly SettingSource[],
  problems: string[],
): SettingValues<S> {
  const values = Object.fromEntries(
    Object.entries(settings).map(([name, setting]) => [name, readSetting(name, setting, sources, problems)]),
  );
  if (!isComplete(settings, values)) throw new Error("a setting was lost");
  return values;
}

function isComplete<S extends Settings>(settings: S, values: object): values is SettingValues<S> {
  return Object.keys(settings).every((name) => name in values);
}

function readSetting(
  name: string,
  setting: Setting<unknown>,
  sources: readonly SettingSource[],
  problems: string[],
): unknown {
  for (const source of sources) {
    const found = source.find(name);
    if (found === undefined) continue;
    const parsed = setting.parse(found.text, found.directory);
    if ("value" in parsed) return parsed.value;
    problems.push(`${found.origin}: ${parsed.problem}`);
    return setting.initial;
  }
  return setting.initial;
}

interface TextRule {
  readonly placeholder?: string;
  readonly pattern: RegExp;
  /** What the pattern asks for, to continue "must be". */
  readonly rule: string;
}

/** A text that matches a pattern. Its value is not repeated in problems, since it may be a secret. */
export function text<Initial extends string | undefined>(
  initial: Initial,
  help: string,
  { placeholder = "TEXT", pattern, rule }: TextRule,
): Setting<string | Initial> {
  const parse = (value: string) => (pattern.test(value) ? { value } : { problem: `must be ${rule}` });
  return { help, placeholder, initial, parse };
}

/** A file or directory; a relative one starts where the setting stands. */
export function path<Initial extends string | undefined>(initial: Initial, help: string): Setting<string | Initial> {
  const parse = (value: string, directory: string) => ({
    value: isAbsolute(value) ? value : resolve(directory, value),
  });
  return { help, placeholder: "PATH", initial, parse };
}

export function integer(
  initial: number,
  help: string,
  { least, most, placeholder = "N" }: { readonly least: number; readonly most: number; readonly placeholder?: string },
): Setting<number> {
  const parse = (given: string) => {
    const value = /^\d{1,15}$/.test(given) ? Number(given) : Number.NaN;
    const problem = `"${given}" is not a whole number from ${least} to ${most}`;
    return value >= least && value <= most ? { value } : { problem };
  };
  return { help, placeholder, initial, parse };
}

export function choice<const Option extends string>(
  initial: NoInfer<Option>,
  help: string,
  options: readonly Option[],
): Setting<Option> {
  const parse = (given: string) => {
    const value = options.find((option) => option === given);
    return value === undefined ? { problem: `"${given}" is not one of ${options.join(", ")}` } : { value };
  };
  return { help, placeholder: options.join("|"), initial, parse };
}

/** Numbers of users and groups, from the first to the last. */
export interface IdRange {
  readonly first: number;
  readonly last: number;
}

const largestId = 2 ** 32 - 2;

/** The range that a text such as `200000-265535` names; undefined when it names none. */
export function parseIdRange(text: string): IdRange | undefined {
  const [, first = 0, last = 0] = /^(\d{1,10})-(\d{1,10})$/.exec(text)?.map(Number) ?? [];
  return first > 0 && first <= last && last <= largestId ? { first, last } : undefined;
}

/** The text of a range of numbers. */
export function idRange(initial: string, help: string): Setting<string> {
  const parse = (value: string) =>
    parseIdRange(value) ? { value } : { problem: 'must be a range such as "200000-265535"' };
  return { help, placeholder: "FIRST-LAST", initial, parse };
}
