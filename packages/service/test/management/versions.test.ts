import { X509Certificate } from "node:crypto";
import { type ManagementRequests, managementRequests, type RunningService, runningService } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

/** What the api-versions of the management plane have and what they have not. */

let service: RunningService;
let send: ManagementRequests;

beforeAll(async () => {
  service = await runningService({ https: true });
  send = await managementRequests(service);
});
afterAll(() => service[Symbol.asyncDispose]());

const newest = "2025-06-01";
const keySet = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/diskEncryptionSets/d";
const identity = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i";

/** A pool with all that is new in 2025-06-01, as the clients of that version send it. */
const properties = {
  vmSize: "standard_d2s_v3",
  deploymentConfiguration: {
    virtualMachineConfiguration: {
      imageReference: { publisher: "canonical", offer: "0001-com-ubuntu-server-jammy", sku: "22_04-lts" },
      nodeAgentSkuId: "batch.node.ubuntu 22.04",
      dataDisks: [
        {
          lun: 0,
          diskSizeGB: 10,
          caching: "ReadWrite",
          managedDisk: { storageAccountType: "StandardSSD_LRS", diskEncryptionSet: { id: keySet } },
        },
      ],
      diskEncryptionConfiguration: {
        targets: ["OsDisk"],
        customerManagedKey: {
          keyUrl: "https://vault.example/keys/k",
          rotationToLatestKeyVersionEnabled: true,
          identityReference: { resourceId: identity },
        },
      },
      osDisk: {
        managedDisk: {
          storageAccountType: "Premium_LRS",
          diskEncryptionSet: { id: keySet },
          securityProfile: { securityEncryptionType: "DiskWithVMGuestState", diskEncryptionSet: { id: keySet } },
        },
      },
      securityProfile: {
        securityType: "confidentialVM",
        encryptionAtHost: false,
        uefiSettings: { secureBootEnabled: true, vTpmEnabled: true },
        proxyAgentSettings: {
          enabled: true,
          imds: { mode: "Audit" },
          wireServer: { mode: "Enforce", inVMAccessControlProfileReferenceId: "/profiles/1" },
        },
      },
    },
  },
  networkConfiguration: {
    publicIPAddressConfiguration: {
      provision: "BatchManaged",
      ipFamilies: ["IPv4", "IPv6"],
      ipTags: [{ ipTagType: "FirstPartyUsage", tag: "/Sql" }],
    },
  },
  taskSchedulingPolicy: { nodeFillType: "Pack", jobDefaultOrder: "CreationTime" },
};

test("a pool keeps and shows what is new in 2025-06-01, and sent back as it was it stays so", async () => {
  const made = await send("PUT", "/pools/new", { version: newest, body: { properties } });
  expect(made).toMatchObject({ status: 200, body: { properties } });
  const shown = await send("GET", "/pools/new", { version: newest });
  expect(shown.body).toMatchObject({ properties });
  const again = await send("PATCH", "/pools/new", { version: newest, body: Object(shown.body) });
  expect(again).toMatchObject({ status: 200, body: { etag: Object(shown.body).etag, properties } });
});

test("older versions do not see it, and 2025-06-01 does not see what it has no longer", async () => {
  const text = async (name: string, version: string) =>
    JSON.stringify((await send("GET", `/pools/${name}`, { version })).body);
  const { vmSize, deploymentConfiguration } = properties;
  const { imageReference, nodeAgentSkuId } = deploymentConfiguration.virtualMachineConfiguration;
  const plain = {
    vmSize,
    deploymentConfiguration: { virtualMachineConfiguration: { imageReference, nodeAgentSkuId } },
  };
  const ofOld = { resourceTags: { a: "b" }, targetNodeCommunicationMode: "Simplified" };
  expect(
    await send("PUT", "/pools/old", { version: "2024-07-01", body: { properties: { ...plain, ...ofOld } } }),
  ).toMatchObject({ status: 200, body: { properties: ofOld } });
  for (const name of Object.keys(ofOld)) expect(await text("old", newest)).not.toContain(`"${name}"`);
  for (const name of ["ipFamilies", "ipTags", "proxyAgentSettings", "customerManagedKey", "jobDefaultOrder"]) {
    expect(await text("new", newest)).toContain(`"${name}"`);
    expect(await text("new", "2024-07-01")).not.toContain(`"${name}"`);
  }
});

test("tags of what is in an account are kept, replaced where some are given, and seen from 2024-07-01 on", async () => {
  const { raw, fingerprint } = new X509Certificate(service.https.ca);
  const data = { format: "Cer", data: raw.toString("base64") };
  const tagged: readonly (readonly [string, object, string])[] = [
    ["/pools/new", {}, newest],
    ["/applications/tool", { properties: { displayName: "Tool" } }, newest],
    ["/applications/tool/versions/1", {}, newest],
    [`/certificates/sha1-${fingerprint.replaceAll(":", "")}`, { properties: data }, "2024-07-01"],
  ];
  for (const [path, body, version] of tagged) {
    const method = path.startsWith("/pools") ? "PATCH" : "PUT";
    const tags = { team: "blue" };
    const made = await send(method, path, { version, body: { ...body, tags } });
    expect(made).toMatchObject({ status: 200, body: { tags } });
    const same = await send(method, path, { version, body });
    expect(same).toMatchObject({ status: 200, body: { tags } });
    const changed = await send(method, path, { version, body: { ...body, tags: { team: "red" } } });
    expect(Object(changed.body).tags).toEqual({ team: "red" });
    expect(Object(changed.body).etag).not.toBe(Object(same.body).etag);
    expect(Object((await send("GET", path, { version })).body).tags).toEqual({ team: "red" });
    expect((await send("GET", path)).body).not.toHaveProperty("tags");
  }
});

test("an object without members may be called plain text, as the newest Python client does", async () => {
  const headers = { "content-type": "text/plain" };
  const path = "/applications/tool/versions/2";
  expect(await send("PUT", path, { version: newest, headers, body: {} })).toMatchObject({ status: 200 });
  const refused = await send("PUT", path, { headers: { "content-type": "text/html" }, body: {} });
  expect(refused).toMatchObject({ status: 415, code: "InvalidContentType" });
});

test("from 2025-06-01 on there are no certificates", async () => {
  expect(await send("GET", "/certificates", { version: newest })).toMatchObject({ status: 404, code: "NotFound" });
  expect(await send("GET", "/certificates", { version: "2024-07-01" })).toMatchObject({ status: 200 });
});

test("a version that does not exist is refused with those that do", async () => {
  expect(await send("GET", "/pools", { version: "2025-06-02" })).toMatchObject({
    status: 400,
    code: "InvalidApiVersionParameter",
    body: { error: { message: expect.stringContaining("2024-07-01, 2025-06-01") } },
  });
});

test("a plus sign in a query is a blank, as on the data plane; a zone whose plus sign it was is read nevertheless", async () => {
  const names = async (query: string) => {
    const { body } = await send("GET", "/pools", { query });
    return Object(body).value?.map(({ name }: { name: string }) => name);
  };
  expect(await names("$filter=name+eq+'new'")).toEqual(["new"]);
  expect(await names("$filter=name%20eq%20'new'")).toEqual(["new"]);
  for (const plus of ["+", "%2B"])
    expect(
      await names(`$filter=properties/creationTime+gt+DateTime'2020-01-01T00:00:00${plus}02:00'+and+name+eq+'new'`),
    ).toEqual(["new"]);
  const first = await send("GET", "/pools", { query: "$filter=startswith(name,+'n')+or+name+eq+'old'&maxresults=1" });
  const { nextLink } = Object(first.body);
  expect(new URL(nextLink).searchParams.get("$filter")).toBe("startswith(name, 'n') or name eq 'old'");
});
