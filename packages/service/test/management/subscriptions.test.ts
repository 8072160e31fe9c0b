import { firstGroup, managementClient, managementToken, type RunningService, runningService } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

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
  const response = await fetch(url, { ...init, headers: { authorization: `Bearer ${token}` } });
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

test("groups are not made or deleted by themselves, and a malformed name is refused", async () => {
  const path = `/subscriptions/${elsewhere}/resourceGroups/new`;
  const { status, body } = await ask(path, { role: "owner" }, { method: "PUT", body: "{}" });
  expect([status, body.error.code]).toEqual([400, "OperationNotSupported"]);
  expect((await ask(`/subscriptions/${elsewhere}/resourceGroups/%zz`)).status).toBe(400);
});
