import { readFileSync, writeFileSync } from "node:fs";
import { type ApiVersion, apiVersions, isKnownIn, type OperationName, operations } from "@kyanite/contract";
import {
  managementClient,
  type RawAnswer,
  type RunningService,
  rawClient,
  runningService,
  storageContainer,
} from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addApplication } from "./application.ts";
import { type Case, cases, type World } from "./cases.ts";
import { type CaseDriver, caseDriver, operationsByName } from "./driver.ts";
import { type Outcome, operationsTable, withTable } from "./operations-table.ts";
import { answerChecker, arePublished, type CheckAnswer } from "./published.ts";

/** Every operation in several versions: its request accepted, its answer as described. */

if (!arePublished)
  console.warn("SKIPPED: no published descriptions in ../shared/spec; answers checked by the contract");

const versions = ["2018-12-01.8.0", "2022-10-01.16.0", "2024-07-01.20.0", "2025-06-01", "2026-10-01"] as const;
const outcomes = new Map<OperationName, Outcome>();
const nodeName = (version: ApiVersion) => version.replace(/\D/g, "").slice(0, 6);

let service: RunningService;
let driver: CaseDriver;
let containerUrl: string;

beforeAll(async () => {
  service = await runningService({ https: true });
  await addApplication(await managementClient(service), service.account.name, "a tool");
  driver = caseDriver(rawClient(service));
  containerUrl = (await storageContainer(service, "logs")).url;
});
afterAll(() => service[Symbol.asyncDispose]());

/** The status and headers that the operation declares. */
function checkHeaders({ operation }: Case, { status, headers }: RawAnswer): void {
  const declared = operationsByName[operation];
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
  const hasDocument = operationsByName[each.operation].response && operationsByName[each.operation].shape !== "stream";
  if (hasDocument) expect(check(each.operation, answer.json)).toBeUndefined();
  return refused ? `works; ${refused}` : "works";
}

describe.each(versions)("api-version %s", (version) => {
  const check = answerChecker(version);
  const world: { of?: World } = {};
  beforeAll(async () => {
    const suffix = nodeName(version);
    world.of = { suffix, containerUrl, nodeIds: await driver.addNodes(suffix) };
  });

  const known = cases({ suffix: nodeName(version), nodeIds: [], containerUrl: "" }).filter(({ operation }) =>
    isKnownIn(version, operationsByName[operation]),
  );
  test.each(known.map(({ operation }, index) => [operation, index] as const))(
    "%s (%i)",
    async (operation, index) => {
      const all = world.of
        ? cases(world.of).filter((each) => isKnownIn(version, operationsByName[each.operation]))
        : [];
      const each = all[index];
      if (!each) throw new Error(`no case ${index}`);
      outcomes.set(operation, "fails");
      outcomes.set(operation, conforms(each, await driver.send(each, version), check));
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
  const found = withTable(text, operationsTable(operationsByName, outcomes, apiVersions));
  if (process.env.KYANITE_WRITE_DOCS === "1") writeFileSync(file, found);
  else expect(text).toBe(found);
  const works = [...outcomes.values()].filter((outcome) => outcome.startsWith("works")).length;
  console.info(
    `${works} of ${Object.keys(operations).length} operations work; not yet: ${notYet().join(", ") || "none"}`,
  );
});

const notYet = () => [...outcomes].flatMap(([name, outcome]) => (outcome === "not yet" ? [name] : []));
