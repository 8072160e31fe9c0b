import { type ApiVersion, ManagementError, type ManagementOperation } from "@kyanite/contract";
import { decode, operationsByPath, type Route } from "../router.ts";

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
  operations: Readonly<Record<string, ManagementOperation>>,
): (method: string, path: string, version: ApiVersion) => Route<ManagementOperation> {
  const find = operationsByPath(operations, { parameter: () => "[^/]+", end: "/?", flags: "i" });
  return (method, path, version) => {
    const route = find(path, version).find(({ operation }) => operation.method === method);
    if (!route) throw new ManagementError("NotFound", "No operation of this version has the path and verb.");
    const params = Object.entries(route.params).map(([name, text]) => [name, decodedParam(name, text)]);
    return { ...route, params: Object.fromEntries(params) };
  };
}

function decodedParam(name: string, text: string): string {
  const value = decode(text);
  if (value === undefined || forms[name]?.test(value) === false)
    throw new ManagementError("InvalidRequestBody", `${name} has not the form that it must have.`, name);
  return value;
}
