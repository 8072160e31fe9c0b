import { X509Certificate } from "node:crypto";
import { type ManagementRequests, managementRequests, type RunningService, runningService } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

let service: RunningService;
let send: ManagementRequests;
let name: string;
let certificate: { readonly format: string; readonly data: string };

beforeAll(async () => {
  service = await runningService({ https: true });
  send = await managementRequests(service);
  const { raw, fingerprint } = new X509Certificate(service.https.ca);
  name = `sha1-${fingerprint.replaceAll(":", "").toLowerCase()}`;
  certificate = { format: "Cer", data: raw.toString("base64") };
  await send("PUT", `/certificates/${name}`, { body: { properties: certificate } });
});
afterAll(() => service[Symbol.asyncDispose]());

const put = (properties: object, headers = {}) =>
  send("PUT", `/certificates/${name}`, { body: { properties }, headers });
const patch = (properties: object, headers = {}) =>
  send("PATCH", `/certificates/${name}`, { body: { properties }, headers });
const get = () => send("GET", `/certificates/${name}`);

describe("the list of certificates", () => {
  const names = async (filter: string) => {
    const { body } = await send("GET", "/certificates", { query: `$filter=${encodeURIComponent(filter)}` });
    return Object(body).value?.map((each: { name: string }) => each.name);
  };

  test("is filtered by name, state and the time of the state", async () => {
    for (const filter of [
      `name eq '${name.toUpperCase()}'`,
      "startswith(name, 'sha1-')",
      "properties/provisioningState eq 'Succeeded'",
      "properties/provisioningStateTransitionTime gt DateTime'2020-01-01T00:00:00Z'",
      `properties/provisioningState ne 'Failed' and name eq '${name}'`,
    ])
      expect(await names(filter)).toEqual([name]);
    for (const filter of [
      "name eq 'sha1-00'",
      "properties/provisioningState eq 'Deleting' or properties/provisioningState eq 'Failed'",
      "properties/provisioningStateTransitionTime lt DateTime'2020-01-01T00:00:00Z'",
    ])
      expect(await names(filter)).toEqual([]);
  });

  test.each(["thumbprint eq 'a'", "properties/provisioningState eq 'active'", "properties/format eq 'Cer'"])(
    "is not filtered by %s",
    async (filter) => {
      const refused = await send("GET", "/certificates", { query: `$filter=${encodeURIComponent(filter)}` });
      expect(refused).toMatchObject({ status: 400, code: "InvalidQueryParameterValue" });
    },
  );
});

describe("a certificate that is there", () => {
  test("is answered as it is when it is given again", async () => {
    const before = await get();
    expect(before).toMatchObject({ status: 200, body: { name } });
    for (const again of [await put(certificate), await patch(certificate), await patch({})])
      expect(again).toMatchObject({ status: 200, body: before.body });
    expect((await get()).body).toEqual(before.body);
  });

  test("is not given other data or another password", async () => {
    const other = { ...certificate, data: btoa("other") };
    expect(await patch(other)).toMatchObject({ status: 400, code: "OperationNotSupported" });
    expect(await patch({ password: "other" })).toMatchObject({ status: 400, code: "OperationNotSupported" });
    expect(await put({ ...certificate, format: "Pfx" })).toMatchObject({ status: 400, code: "InvalidPropertyValue" });
  });

  test("is what the conditions of a client are held against", async () => {
    const etag = Object((await get()).body).etag;
    expect(await put(certificate, { "if-none-match": "*" })).toMatchObject({ status: 412, code: "ConditionNotMet" });
    expect(await put(certificate, { "if-match": 'W/"0x0"' })).toMatchObject({ status: 412, code: "ConditionNotMet" });
    expect(await put(certificate, { "if-match": etag })).toMatchObject({ status: 200 });
    const missing = await send("PUT", `/certificates/sha1-${"0".repeat(40)}`, {
      headers: { "if-match": "*" },
      body: { properties: certificate },
    });
    expect(missing).toMatchObject({ status: 412 });
  });
});
