import { type AnyOperation, type ApiVersion, BatchError, isKnownIn, type Operation } from "@kyanite/contract";

export interface Route<O extends AnyOperation = Operation> {
  readonly name: string;
  readonly operation: O;
  readonly params: Readonly<Record<string, string>>;
}

/** How a plane reads paths. */
interface PathForm {
  /** What a parameter matches, as the source of a regular expression. */
  readonly parameter: (name: string) => string;
  /** What may follow. */
  readonly end?: string;
  readonly flags?: string;
}

/** Finds the operations of a version that have a path, whatever their methods; the parameters are still encoded. */
export function operationsByPath<O extends AnyOperation>(
  operations: Readonly<Record<string, O>>,
  form: PathForm,
): (path: string, version: ApiVersion) => readonly Route<O>[] {
  const routes = Object.entries(operations).map(([name, operation]) => ({
    name,
    operation,
    pattern: patternOf(operation.path, form),
  }));
  return (path, version) =>
    routes.flatMap(({ name, operation, pattern }) => {
      const found = isKnownIn(version, operation) ? pattern.exec(path) : null;
      return found ? [{ name, operation, params: { ...found.groups } }] : [];
    });
}

function patternOf(path: string, { parameter, end = "", flags = "" }: PathForm): RegExp {
  const source = path
    .split(/(\{\w+\})/)
    .map((part) => {
      const name = /^\{(\w+)\}$/.exec(part)?.[1];
      return name === undefined ? part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&") : `(?<${name}>${parameter(name)})`;
    })
    .join("");
  return new RegExp(`^${source}${end}$`, flags);
}

/** Undefined for what is not well encoded. */
export function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/**
 * Finds the operation for a method and a path, which is still encoded; parameters are decoded once.
 * @throws BatchError InvalidUri for a path, UnsupportedHttpVerb for a method that no operation of the version has
 */
export type Router = (method: string, path: string, version: ApiVersion) => Route;

export function createRouter(operations: Readonly<Record<string, Operation>>): Router {
  const find = operationsByPath(operations, {
    parameter: (name) => (name === "filePath" ? ".+" : "[^/,)]+"),
  });
  return (method, path, version) => {
    const known = find(path, version);
    const route = known.find(({ operation }) => operation.method === method);
    if (route) return { ...route, params: decodedParams(route.params) };
    throw known.length > 0
      ? new BatchError("UnsupportedHttpVerb", { Reason: `${method} is not supported here` })
      : new BatchError("InvalidUri");
  };
}

const decodedParams = (params: Route["params"]) =>
  Object.fromEntries(Object.entries(params).map(([name, text]) => [name, decodedParam(text)]));

function decodedParam(text: string): string {
  const value = decode(text);
  if (value === undefined)
    throw new BatchError("RequestUrlFailedToParse", { Reason: "The path is not encoded correctly" });
  if (value.includes("\u0000"))
    throw new BatchError("RequestUrlFailedToParse", { Reason: "The path may not hold the character U+0000" });
  return value;
}
