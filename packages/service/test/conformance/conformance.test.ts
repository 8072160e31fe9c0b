import { readFileSync, writeFileSync } from "node:fs";
import {
  type ApiVersion,
  apiVersions,
  isKnownIn,
  type Operation,
  type OperationName,
  operations,
} from "@kyanite/contract";
import {
  aPool,
  type RawAnswer,
  type RawClient,
  type RunningService,
  rawClient,
  runningService,
  storageContainer,
  until,
} from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Case, cases, type World } from "./cases.ts";
import { type Outcome, operationsTable, withTable } from "./operations-table.ts";
import { answerChecker, arePublished, type CheckAnswer } from "./published.ts";

/** Every operation in several versions: its request accepted, its answer as described. */

if (!arePublished)
  console.warn("SKIPPED: no published descriptions in ../shared/spec; answers checked by the contract");

const versions = ["2022-10-01.16.0", "2024-07-01.20.0", "2025-06-01"] as const;
const byName: Readonly<Record<OperationName, Operation>> = operations;
const outcomes = new Map<OperationName, Outcome>();
const nodeName = (version: ApiVersion) => version.replace(/\D/g, "").slice(0, 6);

let service: RunningService;
let call: RawClient;
let containerUrl: string;

beforeAll(async () => {
  service = await runningService();
  call = rawClient(service);
  containerUrl = (await storageContainer(service, "logs")).url;
});
afterAll(() => service[Symbol.asyncDispose]());

/** A pool of two idle nodes. */
async function prepare(suffix: string): Promise<World> {
  const id = `nodes-${suffix}`;
  await call("POST", "/pools", { body: aPool(id, { targetDedicatedNodes: 2 }) });
  const nodes = await until(
    async (): Promise<{ id: string; state: string }[]> => Object((await call("GET", `/pools/${id}/nodes`)).json).value,
    (all) => all.length === 2 && all.every(({ state }) => state === "idle"),
    60,
  );
  return { suffix, containerUrl, nodeIds: nodes.map((node) => node.id) };
}

const memberOf = async (path: string, name: string) => Object((await call("GET", path)).json)[name];

const waits: Readonly<Record<NonNullable<Case["after"]>, (params: NonNullable<Case["params"]>) => Promise<unknown>>> = {
  "node idle": ({ poolId, nodeId }) =>
    until(
      () => memberOf(`/pools/${poolId}/nodes/${nodeId}`, "state"),
      (state) => state === "idle",
      60,
    ),
  "node deallocated": ({ poolId, nodeId }) =>
    until(
      () => memberOf(`/pools/${poolId}/nodes/${nodeId}`, "state"),
      (state) => state === "deallocated",
      60,
    ),
  "pool steady": ({ poolId }) =>
    until(
      () => memberOf(`/pools/${poolId}`, "allocationState"),
      (state) => state === "steady",
      60,
    ),
  "pool resizing": ({ poolId }) =>
    call("POST", `/pools/${poolId}/resize`, { body: { targetDedicatedNodes: 4 } }).then(({ status }) =>
      expect(status).toBe(202),
    ),
  "tasks completed": ({ jobId }) =>
    until(
      () => memberOf(`/jobs/${jobId}/taskcounts`, "taskCounts"),
      (counts) => counts.completed === 3,
      60,
    ),
};

async function send({ operation, params = {}, body, query, after }: Case, version: ApiVersion): Promise<RawAnswer> {
  if (after) await waits[after](params);
  const { method, path } = byName[operation];
  const place = operation.startsWith("File_") ? { ...params, ...(await nodeOfTask(params)) } : params;
  const target = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(place[name] ?? ""));
  const shown = version >= "2025" && body ? { ...body, certificateReferences: undefined } : body;
  return call(method, target, { version, ...(shown ? { body: shown } : {}), ...(query ? { query } : {}) });
}

/** A file is on the node on which its task ran. */
async function nodeOfTask({ filePath, poolId }: Readonly<Record<string, string>>): Promise<{ nodeId?: string }> {
  const [, jobId] = filePath?.split("/") ?? [];
  if (poolId === undefined || jobId === undefined) return {};
  return { nodeId: Object(await memberOf(`/jobs/${jobId}/tasks/ok`, "nodeInfo")).nodeId };
}

/** The status and headers that the operation declares. */
function checkHeaders({ operation }: Case, { status, headers }: RawAnswer): void {
  const declared = byName[operation];
  expect(status).toBe(declared.status);
  expect(headers).toMatchObject({ "request-id": expect.any(String), dataserviceversion: "3.0" });
  if (declared.entity && declared.shape !== "stream")
    expect(headers).toMatchObject({
      etag: expect.stringMatching(/^0x[0-9A-F]+$/),
      "last-modified": expect.any(String),
    });
  if (declared.dataServiceId) expect(headers.dataserviceid).toMatch(/^http:/);
  if (declared.status === 201) expect(headers.location).toMatch(/^http:/);
}

function conforms(each: Case, answer: RawAnswer, check: CheckAnswer): Outcome {
  if (answer.status === 501) return "not yet";
  const { refusal } = each;
  const refused = refusal && `refused with \`${refusal.code}\`: ${refusal.reason}`;
  if (refusal && refused && (!refusal.sometimes || answer.status >= 400)) {
    expect(answer.json).toMatchObject({ code: refusal.code });
    return refusal.sometimes ? `works; ${refused}` : refused;
  }
  expect(answer.json ?? {}).not.toHaveProperty("code");
  checkHeaders(each, answer);
  const hasDocument = byName[each.operation].response && byName[each.operation].shape !== "stream";
  if (hasDocument) expect(check(each.operation, answer.json)).toBeUndefined();
  return refused ? `works; ${refused}` : "works";
}

describe.each(versions)("api-version %s", (version) => {
  const check = answerChecker(version);
  const world: { of?: World } = {};
  beforeAll(async () => {
    world.of = await prepare(nodeName(version));
  });

  const known = cases({ suffix: nodeName(version), nodeIds: [], containerUrl: "" }).filter(({ operation }) =>
    isKnownIn(version, byName[operation]),
  );
  test.each(known.map(({ operation }, index) => [operation, index] as const))(
    "%s (%i)",
    async (operation, index) => {
      const all = world.of ? cases(world.of).filter((each) => isKnownIn(version, byName[each.operation])) : [];
      const each = all[index];
      if (!each) throw new Error(`no case ${index}`);
      outcomes.set(operation, "fails");
      outcomes.set(operation, conforms(each, await send(each, version), check));
    },
    90_000,
  );
});

test("there is a case for every operation", () => {
  const tried = cases({ suffix: "", nodeIds: [], containerUrl: "" }).map(({ operation }) => operation);
  expect([...new Set(tried)].sort()).toEqual(Object.keys(operations).sort());
});

test("the table of operations in docs/compatibility.md says what was found; `npm run docs:operations` writes it", () => {
  const file = new URL("../../../../docs/compatibility.md", import.meta.url);
  const text = readFileSync(file, "utf8");
  const found = withTable(text, operationsTable(byName, outcomes, apiVersions));
  if (process.env.KYANITE_WRITE_DOCS === "1") writeFileSync(file, found);
  else expect(text).toBe(found);
  const works = [...outcomes.values()].filter((outcome) => outcome.startsWith("works")).length;
  console.info(
    `${works} of ${Object.keys(operations).length} operations work; not yet: ${notYet().join(", ") || "none"}`,
  );
});

const notYet = () => [...outcomes].flatMap(([name, outcome]) => (outcome === "not yet" ? [name] : []));
