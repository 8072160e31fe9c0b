import { expect, test } from "vitest";
import { authorityPage } from "./authority-paths.ts";

const tenants = ["/adfs", "/adfs/adfs", "/adfs/common", "/adfs/organizations", "/common", "//adfs", "/ADFS"];
const guid = "/5d2c2f3e-8f7a-4a0b-9d6e-000000000000";

test.each([...tenants, guid, `/adfs${guid}`])("behind %s all pages of an authority are found", (tenant) => {
  for (const version of ["", "/v2.0"]) {
    expect(authorityPage("GET", `${tenant}${version}/.well-known/openid-configuration`)).toBe("configuration");
    expect(authorityPage("POST", `${tenant}/oauth2${version}/token`)).toBe("token");
    expect(authorityPage("POST", `${tenant}/oauth2${version}/token/`)).toBe("token");
    expect(authorityPage("GET", `${tenant}/discovery${version}/keys`)).toBe("keys");
  }
  expect(authorityPage("GET", `${tenant}/discovery/instance`)).toBe("instance");
});

test.each([
  ["GET", "/adfs/oauth2/token"],
  ["POST", "/adfs/oauth2/devicecode"],
  ["POST", "/oauth2/token"],
  ["GET", "/pools/adfs/nodes"],
  ["GET", "/jobs/common/.well-known/openid-configuration"],
  ["GET", "/"],
])("%s %s is no page of an authority", (method, path) => {
  expect(authorityPage(method, path)).toBeUndefined();
});
