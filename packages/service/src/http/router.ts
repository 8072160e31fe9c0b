import { type ApiVersion, BatchError, isKnownIn, type Operation } from "@kyanite/contract";

export interface Route {
  readonly name: string;
  readonly operation: Operation;
  readonly params: Readonly<Record<string, string>>;
}

type Operations = Readonly<Record<string, Operation>>;

interface CompiledRoute {
  readonly name: string;
  readonly operation: Operation;
  readonly pattern: RegExp;
  readonly params: readonly string[];
}

/**
 * Finds the operation for a method and a path, which is still encoded; parameters are decoded once.
 * @throws BatchError InvalidUri for a path, UnsupportedHttpVerb for a method that no operation of the version has
 */
export type Router = (method: string, path: string, version: ApiVersion) => Route;

export function createRouter(operations: Operations): Router {
  const routes = Object.entries(operations).map(([name, operation]) => compile(name, operation));
  return (method, path, version) => {
    const known = routes.filter(({ operation, pattern }) => isKnownIn(version, operation) && pattern.test(path));
    const route = known.find(({ operation }) => operation.method === method);
    if (route) return { name: route.name, operation: route.operation, params: paramsOf(route, path) };
    throw known.length > 0
      ? new BatchError("UnsupportedHttpVerb", { Reason: `${method} is not supported here` })
      : new BatchError("InvalidUri");
  };
}

function compile(name: string, operation: Operation): CompiledRoute {
  const params: string[] = [];
  const source = operation.path
    .split(/(\{\w+\})/)
    .map((part) => {
      const param = /^\{(\w+)\}$/.exec(part)?.[1];
      if (param === undefined) return part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
      params.push(param);
      return param === "filePath" ? "(.+)" : "([^/,)]+)";
    })
    .join("");
  return { name, operation, params, pattern: new RegExp(`^${source}$`) };
}

function paramsOf({ pattern, params }: CompiledRoute, path: string): Record<string, string> {
  const values = pattern.exec(path)?.slice(1) ?? [];
  return Object.fromEntries(params.map((name, index) => [name, decode(values[index] ?? "")]));
}

function decode(segment: string): string {
  try {
    const text = decodeURIComponent(segment);
    if (!text.includes("\u0000")) return text;
  } catch (cause) {
    throw new BatchError("RequestUrlFailedToParse", { Reason: "The path is not encoded correctly" }, { cause });
  }
  throw new BatchError("RequestUrlFailedToParse", { Reason: "The path may not hold the character U+0000" });
}
