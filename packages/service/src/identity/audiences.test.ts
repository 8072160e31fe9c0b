import { expect, test } from "vitest";
import { isFor, requestedResources } from "./audiences.ts";

const nowhere = () => false;

test("a resource is the same with slashes at its end, in large letters and with the usual port", () => {
  for (const spelling of ["", "/", "//", ":443", ":443/"])
    for (const name of ["https://management.azure.com", "https://Management.Core.Windows.Net"])
      expect(isFor("management", name + spelling, nowhere)).toBe(true);
  expect(isFor("data", "https://batch.core.windows.net//", nowhere)).toBe(true);
  expect(isFor("data", "DDBF3205-c6bd-46ae-8127-60eb93363864", nowhere)).toBe(true);
  expect(isFor("management", ["x", "https://management.azure.com"], nowhere)).toBe(true);
  expect(isFor("data", "https://management.azure.com/", nowhere)).toBe(false);
  expect(isFor("data", "https://batch.core.windows.net:8443", nowhere)).toBe(false);
});

test("where the server answers is a resource of the management plane only", () => {
  const isOwnOrigin = (text: string) => text === "https://localhost:10443";
  expect(isFor("management", "https://localhost:10443/", isOwnOrigin)).toBe(true);
  expect(isFor("management", "https://localhost:10444/", isOwnOrigin)).toBe(false);
  expect(isFor("data", "https://localhost:10443", isOwnOrigin)).toBe(false);
});

test.each([
  ["openid profile offline_access https://batch.core.windows.net/.default", "", ["https://batch.core.windows.net"]],
  ["https://batch.core.windows.net//.default openid", "", ["https://batch.core.windows.net/"]],
  ["openid", "https://management.core.windows.net/", ["https://management.core.windows.net/"]],
  ["", "https://batch.core.windows.net/", ["https://batch.core.windows.net/"]],
  ["https://management.azure.com/user_impersonation", "https://other.example", ["https://management.azure.com"]],
  ["https://a.example/.default  https://A.example//.default", "", ["https://a.example"]],
  ["https://a.example/.default https://b.example/.default", "", ["https://b.example", "https://a.example"]],
  ["openid profile", "", []],
])("of the scopes %j and the resource %j the resources are %j", (scope, resource, expected) => {
  expect(requestedResources({ scope, resource })).toEqual(expected);
});
