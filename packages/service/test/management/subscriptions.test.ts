import { firstGroup, managementClient, managementToken, type RunningService, runningService } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

let service: RunningService;
const { subscriptionId, resourceGroup } = firstGroup;
const elsewhere = "22222222-2222-2222-2222-222222222222";

beforeAll(async () => {
  service = await runningService({ https: true });
  const management = await managementClient(service, { subscriptionId: elsewhere });
  await management.batchAccountOperations.beginCreateAndWait("Group-B", "second", { location: "northeurope" });
});
afterAll(() => service[Symbol.asyncDispose]());

type Principal = Parameters<typeof managementToken>[1];

async function ask(path: string, principal: Principal = { role: "reader" }, init: RequestInit = {}) {
  const { token } = await (await managementToken(service, principal))();
  const url = `${service.url}${path}?api-version=2022-12-01`;
  const response = await fetch(url, {
    ...init,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
  });
  return { status: response.status, body: Object(await response.json()) };
}

test("a caller sees the subscriptions and groups of its accounts, however they are spelt", async () => {
  const { body } = await ask("/subscriptions");
  expect(body.value.map(Object).map((each: { subscriptionId: string }) => each.subscriptionId)).toEqual([
    subscriptionId,
    elsewhere,
  ]);
  expect(body.value[0]).toMatchObject({ id: `/subscriptions/${subscriptionId}`, state: "Enabled", tenantId: "adfs" });
  const groups = await ask(`/subscriptions/${elsewhere}/resourcegroups`);
  expect(groups.body.value).toEqual([
    {
      id: `/subscriptions/${elsewhere}/resourceGroups/Group-B`,
      name: "Group-B",
      type: "Microsoft.Resources/resourceGroups",
      location: "northeurope",
      properties: { provisioningState: "Succeeded" },
    },
  ]);
  const group = await ask(`/SUBSCRIPTIONS/${elsewhere}/resourceGroups/group-b`);
  expect(group.body.name).toBe("Group-B");
  expect((await ask(`/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}`)).status).toBe(200);
  expect((await ask("/tenants")).body.value).toMatchObject([{ tenantId: "adfs" }]);
});

test("and nothing of those of others", async () => {
  const only: Principal = { role: "owner", accountName: "second" };
  const { body } = await ask("/subscriptions", only);
  expect(body.value).toMatchObject([{ subscriptionId: elsewhere }]);
  expect(await ask(`/subscriptions/${subscriptionId}`, only)).toMatchObject({
    status: 404,
    body: { error: { code: "SubscriptionNotFound" } },
  });
  expect(await ask(`/subscriptions/${elsewhere}/resourceGroups/other`, only)).toMatchObject({
    status: 404,
    body: { error: { code: "ResourceGroupNotFound" } },
  });
});

test("without a token of this plane there is nothing to see", async () => {
  for (const authorization of ["", "Bearer nonsense", "SharedKey test:abc"]) {
    const response = await fetch(`${service.url}/subscriptions?api-version=2022-12-01`, { headers: { authorization } });
    expect(response.status).toBe(401);
    expect(Object(await response.json()).error.code).toBe("AuthenticationFailed");
  }
});

test("a group may be named before an account is in it, but not deleted; a malformed name is refused", async () => {
  const path = `/subscriptions/${elsewhere}/resourceGroups/new`;
  const put = { method: "PUT", body: JSON.stringify({ location: "westeurope", tags: {} }) };
  expect(await ask(path, { role: "owner" }, put)).toMatchObject({
    status: 200,
    body: { id: path, name: "new", location: "westeurope", properties: { provisioningState: "Succeeded" } },
  });
  expect((await ask(path, { role: "operator" }, put)).status).toBe(403);
  const { status, body } = await ask(path, { role: "owner" }, { method: "DELETE" });
  expect([status, body.error.code]).toEqual([400, "OperationNotSupported"]);
  expect((await ask(`/subscriptions/${elsewhere}/resourceGroups/%zz`)).status).toBe(400);
});

describe("other resource providers", () => {
  const group = `/subscriptions/${elsewhere}/resourceGroups/any/providers`;

  test("are none of this server, and say so as a resource manager does", async () => {
    for (const path of [`${group}/Microsoft.Compute/disks/d`, "/providers/Microsoft.KeyVault/operations"])
      expect(await ask(path), path).toMatchObject({
        status: 404,
        body: { error: { code: "InvalidResourceNamespace" } },
      });
    expect((await ask(`/subscriptions/${elsewhere}/providers/Microsoft.Batch`)).body).toMatchObject({
      registrationState: "Registered",
    });
    expect((await fetch(`${service.url}${group}/Microsoft.Compute/disks?api-version=2022-12-01`)).status).toBe(401);
  });

  test("show the storage accounts that accounts can be linked with", async () => {
    const { accountName, blobEndpoint } = service.storage;
    const id = `${group}/Microsoft.Storage/storageAccounts/${accountName}`;
    const { status, body } = await ask(id);
    expect({ status, body }).toMatchObject({
      status: 200,
      body: { id, name: accountName, properties: { primaryEndpoints: { blob: `${blobEndpoint}/` } } },
    });
    expect((await ask(`${group}/Microsoft.Storage/storageAccounts`)).body.value).toHaveLength(1);
    expect((await ask(`${id}/blobServices/default`)).body).toMatchObject({ name: "default" });
    expect(await ask(`${group}/Microsoft.Storage/storageAccounts/none`)).toMatchObject({
      status: 404,
      body: { error: { code: "ResourceNotFound" } },
    });
    const management = await managementClient(service, { subscriptionId: elsewhere });
    const linked = await management.batchAccountOperations.beginCreateAndWait("any", "linked", {
      location: "northeurope",
      autoStorage: { storageAccountId: body.id },
    });
    expect(linked.autoStorage?.storageAccountId).toBe(id);
  });

  test("give the keys of a storage account to owners of all accounts only", async () => {
    const path = `${group}/Microsoft.Storage/storageAccounts/${service.storage.accountName}/listKeys`;
    const post = { method: "POST" };
    expect((await ask(path, { role: "owner" }, post)).body).toMatchObject({
      keys: [{ keyName: "key1", value: service.storage.accountKey, permissions: "FULL" }],
    });
    expect((await ask(path, { role: "owner", accountName: "second" }, post)).status).toBe(403);
    expect((await ask(path, { role: "operator" }, post)).status).toBe(403);
  });
});
