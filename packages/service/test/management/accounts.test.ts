import { request } from "node:https";
import { text as readText } from "node:stream/consumers";
import type { BatchManagementClient } from "@azure/arm-batch";
import {
  aPool,
  batchClient,
  batchToken,
  firstGroup,
  managementClient,
  type RunningService,
  rawClient,
  runningService,
  until,
} from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

let service: RunningService;
let management: BatchManagementClient;
const location = "westeurope";
const { resourceGroup } = firstGroup;

beforeAll(async () => {
  service = await runningService({ https: true });
  management = await managementClient(service);
});
afterAll(() => service[Symbol.asyncDispose]());

const make = (name: string, more: object = {}) =>
  management.batchAccountOperations.beginCreateAndWait(resourceGroup, name, { location, ...more });

const storageId = () =>
  `/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/${service.storage.accountName}`;

/** A client of the data plane with one of an account's keys. */
async function dataClient(name: string, which: "primary" | "secondary" = "primary") {
  const keys = await management.batchAccountOperations.getKeys(resourceGroup, name);
  return batchClient({ account: { name, key: keys[which] ?? "" }, url: service.url });
}

const codeOf = (request: Promise<unknown>) =>
  request.then(
    () => "accepted",
    (error) => error.code,
  );

describe("an account", () => {
  test("is made with keys of its own and works at once", async () => {
    const account = await make("second", { tags: { team: "a" }, autoStorage: { storageAccountId: storageId() } });
    expect(account).toMatchObject({
      name: "second",
      location,
      provisioningState: "Succeeded",
      poolAllocationMode: "BatchService",
      tags: { team: "a" },
      autoStorage: { storageAccountId: storageId(), lastKeySync: expect.any(Date) },
    });
    for (const which of ["primary", "secondary"] as const)
      expect(await (await dataClient("second", which)).pool.list()).toHaveLength(0);
  });

  test("says where it answers, by a host that every machine knows", async () => {
    await make("reached");
    await (await dataClient("reached")).pool.add(aPool("pool-of-reached"));
    const token = await batchToken(service);
    for (const [name, isReached] of [["reached", true] as const, [service.account.name, false] as const]) {
      const { accountEndpoint } = await management.batchAccountOperations.get(resourceGroup, name);
      // As clients do it.
      const url = new URL(`https://${accountEndpoint}/pools?api-version=2024-07-01.20.0`);
      expect(url.host).toBe(new URL(service.https.url).host);
      const text = await new Promise<string>((resolve, reject) => {
        const headers = { authorization: `Bearer ${token}` };
        request(url, { ca: service.https.ca, headers }, (response) => resolve(readText(response)))
          .on("error", reject)
          .end();
      });
      expect(text).toContain("#pools");
      expect(text.includes("pool-of-reached")).toBe(isReached);
    }
  });

  test("is listed in its subscription and group only", async () => {
    await make("listed");
    const other = await managementClient(service, { subscriptionId: "11111111-1111-1111-1111-111111111111" });
    const namesOf = async (accounts: AsyncIterable<{ name?: string }>) => {
      const names: (string | undefined)[] = [];
      for await (const { name } of accounts) names.push(name);
      return names;
    };
    const { batchAccountOperations: accounts } = management;
    expect(await namesOf(accounts.list())).toEqual(expect.arrayContaining(["test", "listed"]));
    expect(await namesOf(accounts.listByResourceGroup(resourceGroup.toUpperCase()))).toContain("listed");
    expect(await namesOf(accounts.listByResourceGroup("elsewhere"))).toEqual([]);
    expect(await namesOf(other.batchAccountOperations.list())).toEqual([]);
    expect(await codeOf(other.batchAccountOperations.get(resourceGroup, "listed"))).toBe("ResourceNotFound");
    expect(await codeOf(other.batchAccountOperations.beginCreateAndWait(resourceGroup, "listed", { location }))).toBe(
      "AccountAlreadyExists",
    );
  });

  test("refuses what it would have to be a part of Azure for, naming the property", async () => {
    const error = await make("refused", { poolAllocationMode: "UserSubscription" }).catch((cause) => cause);
    expect(error).toMatchObject({ code: "OperationNotSupported", statusCode: 400 });
    expect(error.details.error.target).toBe("properties.poolAllocationMode");
    expect(await codeOf(make("refused", { autoStorage: { storageAccountId: "/x/storageAccounts/unknown" } }))).toBe(
      "StorageAccountNotFound",
    );
  });

  test("takes tags and authentication modes, and keeps the rest", async () => {
    await make("changing", { autoStorage: { storageAccountId: storageId() } });
    const client = await dataClient("changing");
    const { batchAccountOperations: accounts } = management;
    const changed = await accounts.update(resourceGroup, "changing", {
      tags: { state: "closed" },
      allowedAuthenticationModes: ["AAD"],
    });
    expect(changed).toMatchObject({ tags: { state: "closed" }, allowedAuthenticationModes: ["AAD"] });
    expect(changed.autoStorage?.storageAccountId).toBe(storageId());
    expect(await codeOf(client.pool.list())).toBe("AuthenticationFailed");
    expect(await codeOf(accounts.getKeys(resourceGroup, "changing"))).toBe("SharedKeyNotAllowed");
    await accounts.update(resourceGroup, "changing", { allowedAuthenticationModes: ["SharedKey"] });
    expect(await codeOf(client.pool.list())).toBe("accepted");
  });

  test("synchronizes the keys of its storage account, if it has one", async () => {
    const { batchAccountOperations: accounts } = management;
    const before = await make("syncing", { autoStorage: { storageAccountId: storageId() } });
    await accounts.synchronizeAutoStorageKeys(resourceGroup, "syncing");
    const after = await accounts.get(resourceGroup, "syncing");
    expect(Number(after.autoStorage?.lastKeySync)).toBeGreaterThan(Number(before.autoStorage?.lastKeySync));
    await make("unlinked");
    expect(await codeOf(accounts.synchronizeAutoStorageKeys(resourceGroup, "unlinked"))).toBe(
      "AutoStorageNotConfigured",
    );
  });
});

test("a regenerated key opens at once and the old one no longer does", async () => {
  await make("rekeyed");
  const old = await dataClient("rekeyed");
  const secondary = await dataClient("rekeyed", "secondary");
  await management.batchAccountOperations.regenerateKey(resourceGroup, "rekeyed", { keyName: "Primary" });
  expect(await codeOf(old.pool.list())).toBe("AuthenticationFailed");
  expect(await codeOf(secondary.pool.list())).toBe("accepted");
  expect(await codeOf((await dataClient("rekeyed")).pool.list())).toBe("accepted");
});

test("a key regenerated for the first account outlives a restart of the service", async () => {
  const { account } = service;
  await management.batchAccountOperations.regenerateKey(resourceGroup, account.name, { keyName: "Primary" });
  await service.restart();
  management = await managementClient(service);
  expect(await codeOf(batchClient(service).pool.list())).toBe("AuthenticationFailed");
  expect(await codeOf((await dataClient(account.name)).pool.list())).toBe("accepted");
});

test("a deleted account goes with its pools, jobs, nodes and webhooks, and its name is free again", async () => {
  await make("doomed");
  const client = await dataClient("doomed");
  await client.pool.add(aPool("pool"));
  await client.job.add({ id: "job", poolInfo: { poolId: "pool" } });
  await client.task.add("job", { id: "task", commandLine: "sleep 300" });
  await until(
    () => client.task.get("job", "task"),
    ({ state }) => state === "running",
  );
  const { primary = "" } = await management.batchAccountOperations.getKeys(resourceGroup, "doomed");
  const raw = rawClient({ url: service.url, account: { name: "doomed", key: primary } });
  await raw("POST", "/kyanite/webhooks", { body: { id: "hook", url: "https://example.com/", state: "disabled" } });
  expect(await service.database`select from webhook`).toHaveLength(1);
  await management.batchAccountOperations.beginDeleteAndWait(resourceGroup, "doomed", { updateIntervalInMs: 200 });
  expect(await codeOf(client.pool.list())).toBe("AuthenticationFailed");
  expect(await codeOf(management.batchAccountOperations.get(resourceGroup, "doomed"))).toBe("ResourceNotFound");
  expect(
    await management.location.checkNameAvailability(location, {
      name: "doomed",
      type: "Microsoft.Batch/batchAccounts",
    }),
  ).toMatchObject({ nameAvailable: true });
  expect(await service.database`select from webhook`).toEqual([]);
});

describe("a caller", () => {
  test("without a token is told so in the words of the management plane", async () => {
    const response = await fetch(`${service.url}/providers/Microsoft.Batch/operations?api-version=2023-11-01`);
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
    expect(JSON.parse(await response.text())).toMatchObject({ error: { code: "AuthenticationFailed" } });
  });

  test("who may only read cannot see the keys or change anything", async () => {
    const reader = await managementClient(service, { role: "reader" });
    const { batchAccountOperations: accounts } = reader;
    expect(await accounts.get(resourceGroup, "test")).toMatchObject({ name: "test" });
    expect(await codeOf(accounts.getKeys(resourceGroup, "test"))).toBe("AuthorizationFailed");
    expect(await codeOf(reader.applicationOperations.create(resourceGroup, "test", "a"))).toBe("AuthorizationFailed");
    const operator = await managementClient(service, { role: "operator" });
    expect(await codeOf(operator.applicationOperations.create(resourceGroup, "test", "a"))).toBe("accepted");
    expect(await codeOf(operator.batchAccountOperations.getKeys(resourceGroup, "test"))).toBe("AuthorizationFailed");
  });

  test("with a role on one account sees no other", async () => {
    await make("private");
    const owner = await managementClient(service, { accountName: "test" });
    expect(await codeOf(owner.batchAccountOperations.get(resourceGroup, "private"))).toBe("AuthorizationFailed");
    expect(await codeOf(owner.applicationOperations.create(resourceGroup, "private", "a"))).toBe("AuthorizationFailed");
    const names: (string | undefined)[] = [];
    for await (const { name } of owner.batchAccountOperations.list()) names.push(name);
    expect(names).toEqual(["test"]);
  });

  test("with an unknown api-version learns which there are", async () => {
    const old = await managementClient(service, { apiVersion: "2015-12-01" });
    const error = await old.batchAccountOperations.get(resourceGroup, "test").catch((cause) => cause);
    expect(error).toMatchObject({ code: "InvalidApiVersionParameter", statusCode: 400 });
    expect(error.message).toContain("2023-11-01");
  });
});
