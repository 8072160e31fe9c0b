import { type ApiVersion, isKnownIn } from "@kyanite/contract";
import { addServicePrincipal } from "@kyanite/service/identity/principals";
import {
  firstGroup,
  managementClient,
  type RawAnswer,
  type RawClient,
  type RunningService,
  rawClient,
  runningService,
  storageContainer,
  until,
} from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addApplication } from "./conformance/application.ts";
import { type Case, cases } from "./conformance/cases.ts";
import { type CaseDriver, caseDriver, operationsByName, sendAsIs } from "./conformance/driver.ts";

/** Two accounts of one service with the same ids of everything: what one does, the other neither sees nor feels. */

const suffix = "both";
const secret = "beta-secret";
const other = { name: "beta", key: "" };
const known = cases({ suffix, nodeIds: [], containerUrl: "" }).map(
  ({ operation }, index) => [operation, index] as const,
);
const withIds = known.filter(([operation]) => operationsByName[operation].path.includes("{"));
const lists = known.filter(
  ([operation]) =>
    operationsByName[operation].shape === "list" &&
    !operationsByName[operation].path.includes("{") &&
    operation !== "Account_ListSupportedImages",
);
const onNodes = withIds.filter(([operation]) => operationsByName[operation].path.includes("{nodeId}"));

let service: RunningService;
let ours: RawClient;
let theirs: RawClient;
let driver: CaseDriver;
let containerUrl: string;
let ourNodes: string[] = [];
let theirNodes: string[] = [];
let before: unknown;

beforeAll(async () => {
  service = await runningService({ https: true });
  const management = await managementClient(service);
  const storageAccountId = `/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/${service.storage.accountName}`;
  const { resourceGroup } = firstGroup;
  await management.batchAccountOperations.beginCreateAndWait(resourceGroup, other.name, {
    location: "westeurope",
    autoStorage: { storageAccountId },
  });
  other.key = (await management.batchAccountOperations.getKeys(resourceGroup, other.name)).primary ?? "";
  await addApplication(management, other.name, secret);
  containerUrl = (await storageContainer(service, "logs")).url;
  ours = rawClient(service);
  driver = caseDriver(ours);
  theirs = rawClient({ account: other, url: service.url });
  await fillTheirs();
  before = await stateOfTheirs();
}, 120_000);
afterAll(() => service[Symbol.asyncDispose]());

/** Everything that an account can have, with what only the other account may see. */
async function fillTheirs(): Promise<void> {
  const filling = caseDriver(theirs);
  theirNodes = await filling.addNodes(suffix);
  const all = cases({ suffix, nodeIds: theirNodes, containerUrl });
  for (const each of all.filter(({ operation }) => /_Add/.test(operation))) {
    const body = JSON.parse(JSON.stringify(each.body).replaceAll("hello", secret));
    const { status, text } = await filling.send({ ...each, body }, versionOf(each));
    expect([each.operation, status, text]).toEqual([each.operation, operationsByName[each.operation].status, text]);
  }
  await until(
    async () => Object((await theirs("GET", `/jobs/job-${suffix}/taskcounts`)).json).taskCounts,
    ({ completed }) => completed === 3,
    60,
  );
  await until(
    async () => Object((await theirs("GET", `/pools/nodes-${suffix}/nodes`)).json).value,
    (nodes: { state: string }[]) => nodes.every(({ state }) => state === "idle"),
    60,
  );
}

function versionOf({ operation }: Pick<Case, "operation">): ApiVersion {
  const candidates = ["2024-07-01.20.0", "2022-10-01.16.0", "2019-08-01.10.0"] as const;
  const version = candidates.find((candidate) => isKnownIn(candidate, operationsByName[operation]));
  if (!version) throw new Error(`no version has ${operation}`);
  return version;
}

/** What the other account shows of itself, and what its nodes hold. */
async function stateOfTheirs(): Promise<unknown> {
  const read = async (path: string) => Object((await theirs("GET", path)).json);
  const [jobs, schedules] = [await read("/jobs"), await read("/jobschedules")];
  const ofJobs: unknown[] = [];
  for (const { id } of jobs.value) ofJobs.push(await read(`/jobs/${id}/tasks`), await read(`/jobs/${id}/taskcounts`));
  const files = await read(`/jobs/job-${suffix}/tasks/ok/files?recursive=true`);
  const output = (await theirs("GET", `/jobs/job-${suffix}/tasks/ok/files/stdout.txt`)).text;
  const users = await service.database`
    select u.name from node_user u join node n on n.pk = u.node_pk where n.id = any(${theirNodes}) order by 1`;
  const pools = [await read("/pools"), await read(`/pools/nodes-${suffix}/nodes`), await read("/nodecounts")];
  const more = [await read("/certificates"), await read("/applications"), users.map(({ name }) => name)];
  return { jobs, schedules, ofJobs, files, output, pools, more };
}

/** A case that names what the other account has. */
function caseAt(index: number, nodeIds: readonly string[]): Case {
  const each = cases({ suffix, nodeIds, containerUrl })[index];
  if (!each) throw new Error(`no case ${index}`);
  return each;
}

const codeOf = ({ json }: RawAnswer) => Object(json).code;

function expectNothingTheirs({ text, headers }: RawAnswer): void {
  const all = text + JSON.stringify(headers);
  for (const word of [secret, ...theirNodes]) expect(all).not.toContain(word);
}

test("the other account has something of everything", () => {
  expect(before).toMatchObject({
    output: `${secret}\n`,
    jobs: { value: expect.arrayContaining([expect.objectContaining({ id: `job-${suffix}` })]) },
    schedules: { value: [{ id: `schedule-${suffix}` }] },
    more: [{ value: [{}] }, { value: [{ id: "tool", versions: ["1"] }] }, [`kyt${suffix}`]],
  });
});

describe("with the key of an account that has nothing", () => {
  test.each(withIds)("%s (%i) finds nothing under the other account's ids", async (_, index) => {
    const each = caseAt(index, theirNodes);
    const answer = await sendAsIs(ours, each, versionOf(each));
    expect([answer.status, answer.text]).toEqual([404, answer.text]);
    expectNothingTheirs(answer);
  });

  test.each(lists)("%s (%i) lists nothing", async (_, index) => {
    const each = caseAt(index, []);
    const answer = await sendAsIs(ours, { ...each, query: {} }, versionOf(each));
    expect(answer.json).toMatchObject({ value: [] });
  });

  test("statistics over its lifetime count nothing of the other account", async () => {
    const version = "2022-10-01.16.0";
    expect((await ours("GET", "/lifetimejobstats", { version })).json).toMatchObject({
      numSucceededTasks: "0",
      numFailedTasks: "0",
    });
    expect(Object((await ours("GET", "/lifetimepoolstats", { version })).json).usageStats).toMatchObject({
      dedicatedCoreTime: "PT0S",
    });
  });

  test("the other account's pool and packages can be referred to by nothing", async () => {
    const reference = (applicationId: string) => ({ applicationPackageReferences: [{ applicationId, version: "1" }] });
    const armId = `/subscriptions/${firstGroup.subscriptionId}/resourceGroups/${firstGroup.resourceGroup}/providers/Microsoft.Batch/batchAccounts/${other.name}/applications/tool`;
    for (const applicationId of ["tool", armId]) {
      const pool = { id: "refers", vmSize: "standard_d2s_v3", ...image, ...reference(applicationId) };
      expect(codeOf(await ours("POST", "/pools", { body: pool }))).toMatch(
        /ApplicationPackageReferences|InvalidProperty/,
      );
    }
    const job = { id: "refers", poolInfo: { poolId: `nodes-${suffix}` } };
    const added = await ours("POST", "/jobs", { body: job });
    await ours("POST", "/jobs/refers/tasks", { body: { id: "t", commandLine: "true" } });
    // There may be such a pool later; it runs nothing until then, as a test below sees.
    expect(added.status).toBe(201);
  });

  test("and the other account is as it was", async () => {
    expect(await stateOfTheirs()).toEqual(before);
  });
});

const image = {
  virtualMachineConfiguration: {
    imageReference: { publisher: "canonical", offer: "0001-com-ubuntu-server-jammy", sku: "22_04-lts" },
    nodeAgentSKUId: "batch.node.ubuntu 22.04",
  },
};

describe("on the URL of the other account", () => {
  const places = [
    ["a prefix", { prefix: `/accounts/${other.name}`, headers: {} }],
    ["a host name", { prefix: "", headers: { host: `${other.name}.localhost` } }],
    ["a host name with a region", { prefix: "", headers: { host: `${other.name}.eastus.localhost` } }],
    ["its host name in the cloud", { prefix: "", headers: { host: `${other.name}.eastus.batch.azure.com` } }],
  ] as const;

  /** The same client, with headers of its own. */
  const withHeaders =
    (client: RawClient, headers: Readonly<Record<string, string>>, authorization?: string): RawClient =>
    (method, path, request) =>
      client(method, path, { ...request, headers, ...(authorization === undefined ? {} : { authorization }) });

  /** A token of the data plane for somebody who owns our account and nothing else. */
  async function bearer(): Promise<string> {
    const principal = { name: `p${Math.random()}`, role: "owner", accountName: service.account.name } as const;
    const added = await addServicePrincipal(service.database, principal, new Date());
    const form = {
      grant_type: "client_credentials",
      client_id: added?.clientId ?? "",
      client_secret: added?.secret ?? "",
      resource: "https://batch.core.windows.net/",
    };
    const response = await fetch(`${service.url}/adfs/oauth2/token`, {
      method: "POST",
      body: new URLSearchParams(form),
    });
    return `Bearer ${JSON.parse(await response.text()).access_token}`;
  }

  test.each(places)("named by %s, the other account's own key opens it", async (_, { prefix, headers }) => {
    expect((await withHeaders(theirs, headers)("GET", `${prefix}/pools`)).text).toContain(`nodes-${suffix}`);
  });

  test.each(places)("named by %s, our key is refused by every operation", async (_, { prefix, headers }) => {
    for (const [, index] of known) {
      const each = caseAt(index, theirNodes);
      const answer = await sendAsIs(withHeaders(ours, headers), each, versionOf(each), prefix);
      expect([each.operation, answer.status]).toEqual([each.operation, 403]);
      expectNothingTheirs(answer);
    }
  });

  test("a token that opens our account is refused by every operation", async () => {
    const token = await bearer();
    expect((await withHeaders(ours, {}, token)("GET", "/pools")).status).toBe(200);
    for (const [, { prefix, headers }] of places)
      for (const [, index] of known) {
        const each = caseAt(index, theirNodes);
        const answer = await sendAsIs(withHeaders(ours, headers, token), each, versionOf(each), prefix);
        expect([each.operation, answer.status]).toEqual([each.operation, 403]);
        expectNothingTheirs(answer);
      }
  });

  test("our key under the other account's name is refused", async () => {
    const impostor = rawClient({ account: { ...service.account, name: other.name }, url: service.url });
    expect(await impostor("GET", "/pools")).toMatchObject({ status: 403, json: { code: "AuthenticationFailed" } });
  });

  test("and the other account is as it was", async () => {
    expect(await stateOfTheirs()).toEqual(before);
  });
});

describe("with the same ids in our account", () => {
  beforeAll(async () => {
    expect((await ours("GET", "/jobs/refers/tasks/t")).json).toMatchObject({ state: "active" });
    await ours("DELETE", "/jobs/refers");
    await until(
      () => ours("GET", "/jobs/refers"),
      ({ status }) => status === 404,
    );
    await addApplication(await managementClient(service), service.account.name, "ours");
    ourNodes = await driver.addNodes(suffix);
  }, 90_000);

  test("the nodes of the other account are not of our pool of the same id", async () => {
    for (const [, index] of onNodes) {
      const each = caseAt(index, theirNodes);
      const answer = await sendAsIs(ours, each, versionOf(each));
      expect([each.operation, answer.status]).toEqual([each.operation, 404]);
    }
    const body = { nodeList: theirNodes };
    const removal = await ours("POST", `/pools/nodes-${suffix}/removenodes`, { body });
    expect(removal.status).toBeGreaterThanOrEqual(400);
    expect(await stateOfTheirs()).toEqual(before);
  });

  test.each(known)(
    "%s (%i) does what it does to our account alone",
    async (_, index) => {
      const each = caseAt(index, ourNodes);
      const answer = await driver.send(each, versionOf(each));
      if (each.refusal && answer.status >= 400) expect(codeOf(answer)).toBe(each.refusal.code);
      else expect([answer.status, answer.text]).toEqual([operationsByName[each.operation].status, answer.text]);
      expectNothingTheirs(answer);
      expect(await stateOfTheirs()).toEqual(before);
    },
    90_000,
  );
});

test("there is a case for every operation", () => {
  expect(new Set(known.map(([operation]) => operation)).size).toBe(Object.keys(operationsByName).length);
});
