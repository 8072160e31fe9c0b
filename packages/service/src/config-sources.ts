import { dirname } from "node:path";
import { parseArgs } from "node:util";

type Environment = Readonly<Record<string, string | undefined>>;

/** A setting that somebody made, not yet understood. */
export interface Found {
  readonly text: string;
  readonly origin: string;
  /** Where a relative path starts; the current directory when absent. */
  readonly directory?: string;
}

/** By name, as in flags and files: `http-port`. */
export type FoundSettings = ReadonlyMap<string, Found>;

export const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
const variableOf = (name: string) => `KYANITE_${name.replaceAll("-", "_").toUpperCase()}`;
export function readFlags(argv: readonly string[], names: readonly string[], problems: string[]): FoundSettings {
  const options = Object.fromEntries(names.map((name) => [name, { type: "string" } as const]));
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, tokens: true, allowPositionals: true });
  const found = new Map<string, Found>();
  for (const token of tokens) {
    if (token.kind === "positional") problems.push(`${token.value}: is not a flag`);
    if (token.kind !== "option") continue;
    if (!names.includes(token.name)) problems.push(`${token.rawName}: there is no such flag`);
    else if (token.value === undefined) problems.push(`${token.rawName}: has no value`);
    else found.set(token.name, { text: token.value, origin: token.rawName });
  }
  return found;
}

/** Other variables with our prefix are let be: Kubernetes, for one, makes some up for a service of that name. */
export function readVariables(env: Environment, names: readonly string[]): FoundSettings {
  const found = names.flatMap((name): readonly [string, Found][] => {
    const value = env[variableOf(name)];
    return value ? [[name, { text: value, origin: variableOf(name) }]] : [];
  });
  return new Map(found);
}

/** Reads the YAML text of `file`, which must be an absolute path. */
export async function readYaml(
  content: string,
  file: string,
  names: readonly string[],
  problems: string[],
): Promise<FoundSettings> {
  const value = await parseYaml(content, file, problems);
  const found = new Map<string, Found>();
  for (const [name, setting] of Object.entries(value)) {
    const origin = `${name} in ${file}`;
    const isScalar = ["string", "number", "boolean"].includes(typeof setting);
    if (!names.includes(name)) problems.push(`${origin}: there is no such setting`);
    else if (!isScalar && setting !== null) problems.push(`${origin}: must be a single value`);
    else if (isScalar) found.set(name, { text: String(setting), origin, directory: dirname(file) });
  }
  return found;
}

async function parseYaml(content: string, file: string, problems: string[]): Promise<object> {
  const { parseDocument } = await import("yaml");
  const document = parseDocument(content);
  problems.push(...document.errors.map((error) => `${file}: ${error.message.split("\n")[0]}`));
  if (document.errors.length > 0) return {};
  const value: unknown = document.toJS() ?? {};
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  problems.push(`${file}: must hold settings, one NAME: VALUE a line`);
  return {};
}
