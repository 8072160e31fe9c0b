import { type ApiVersion, isKnownIn, ManagementError, type ManagementOperation } from "@kyanite/contract";

export interface ManagementRoute {
  readonly name: string;
  readonly operation: ManagementOperation;
  readonly params: Readonly<Record<string, string>>;
}

type Operations = Readonly<Record<string, ManagementOperation>>;

/** What a parameter of a path may look like, and how long it may be. */
const forms: Readonly<Record<string, RegExp>> = {
  accountName: /^[a-zA-Z0-9]{3,24}$/,
  applicationName: /^[a-zA-Z0-9_-]{1,64}$/,
  versionName: /^[a-zA-Z0-9_-][a-zA-Z0-9_.-]{0,63}$/,
  certificateName: /^(?=.{5,45}$)\w+-\w+$/,
  poolName: /^[a-zA-Z0-9_-]{1,64}$/,
  privateEndpointConnectionName: /^(?=.{1,101}$)[a-zA-Z0-9_-]+\.?[a-fA-F0-9-]*$/,
  subscriptionId: /^[a-zA-Z0-9-]{1,64}$/,
  resourceGroupName: /^[\w().-]{1,90}$/,
};

/**
 * Finds the operation for a method and a path; what is no parameter is compared without case.
 * @throws ManagementError NotFound, InvalidRequestBody for a parameter that has not its form
 */
export function createManagementRouter(
  operations: Operations,
): (method: string, path: string, version: ApiVersion) => ManagementRoute {
  const routes = Object.entries(operations).map(([name, operation]) => ({ name, operation, ...compile(operation) }));
  return (method, path, version) => {
    const route = routes.find(
      ({ operation, pattern }) => operation.method === method && isKnownIn(version, operation) && pattern.test(path),
    );
    if (!route) throw new ManagementError("NotFound", "No operation of this version has the path and verb.");
    const values = route.pattern.exec(path)?.slice(1) ?? [];
    const params = Object.fromEntries(route.names.map((name, index) => [name, decoded(name, values[index] ?? "")]));
    return { name: route.name, operation: route.operation, params };
  };
}

function compile({ path }: ManagementOperation): { pattern: RegExp; names: readonly string[] } {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
  const source = path.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "([^/]+)");
  return { names, pattern: new RegExp(`^${source}/?$`, "i") };
}

function decoded(name: string, text: string): string {
  const value = decode(text);
  if (value === undefined || forms[name]?.test(value) === false)
    throw new ManagementError("InvalidRequestBody", `${name} has not the form that it must have.`, name);
  return value;
}

/** Undefined for what is not well encoded. */
export function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
