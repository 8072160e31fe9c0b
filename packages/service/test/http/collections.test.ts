import { aPool, batchClient, type RawClient, type RunningService, rawClient, runningService } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

let service: RunningService;
let call: RawClient;

beforeAll(async () => {
  service = await runningService();
  call = rawClient(service);
  await call("POST", "/pools", { body: aPool("pool", { targetDedicatedNodes: 0 }) });
  await call("POST", "/jobs", { body: { id: "job", poolInfo: { poolId: "pool" } } });
});
afterAll(() => service[Symbol.asyncDispose]());

const add = (value: unknown, more: object = {}) =>
  call("POST", "/jobs/job/addtaskcollection", { body: { value, ...more } });
const task = (id: string, more: object = {}) => ({ id, commandLine: "true", ...more });

interface Result {
  readonly status: string;
  readonly taskId: string;
  readonly location?: string;
  readonly error?: { readonly code: string; readonly values?: readonly { key: string; value: string }[] };
}
const results = (json: unknown): Result[] => Object(json).value;

describe("a collection of tasks", () => {
  test("has a result for each task, whatever became of the others", async () => {
    await add([task("known")]);
    const answer = await add([
      task("good"),
      task("KNOWN"),
      task("no spaces"),
      { id: "no-command" },
      task("wrong-type", { requiredSlots: "two" }),
      task("unknown-property", { colour: "red" }),
      task("unsupported", {
        resourceFiles: [{ httpUrl: "http://a/b", filePath: "b", identityReference: { resourceId: "i" } }],
      }),
      task("dependent", { dependsOn: { taskIds: ["good"] } }),
      task("twice"),
      task("TWICE"),
    ]);
    expect(answer.status).toBe(200);
    expect(answer.headers.etag).toBeUndefined();
    const codes = results(answer.json).map(({ taskId, status, error }) => [taskId, status, error?.code]);
    expect(codes).toEqual([
      ["good", "success", undefined],
      ["KNOWN", "clienterror", "TaskExists"],
      ["no spaces", "clienterror", "InvalidPropertyValue"],
      ["no-command", "clienterror", "MissingRequiredProperty"],
      ["wrong-type", "clienterror", "InvalidPropertyValue"],
      ["unknown-property", "clienterror", "UnsupportedProperty"],
      ["unsupported", "clienterror", "UnsupportedProperty"],
      ["dependent", "clienterror", "UnsupportedProperty"],
      ["twice", "success", undefined],
      ["TWICE", "clienterror", "TaskExists"],
    ]);
    const [good, , , noCommand] = results(answer.json);
    expect(good).toMatchObject({ location: `${service.url}/jobs/job/tasks/good`, eTag: expect.stringMatching(/^0x/) });
    expect(noCommand?.error?.values).toContainEqual({ key: "PropertyName", value: "commandLine" });
  });

  test.each([
    ["that is empty", [], "InvalidPropertyValue"],
    ["of more than a hundred", Array.from({ length: 101 }, (_, n) => task(`t${n}`)), "InvalidPropertyValue"],
    ["that is no list", {}, "InvalidPropertyValue"],
    ["with a task that has no id", [task("a"), { commandLine: "true" }], "MissingRequiredProperty"],
    ["with what is no task", [task("b"), null], "InvalidPropertyValue"],
  ])("%s is refused as a whole", async (_, value, code) => {
    const { status, json } = await add(value);
    expect({ status, code: Object(json).code }).toEqual({ status: 400, code });
    for (const id of ["a", "b"]) expect((await call("GET", `/jobs/job/tasks/${id}`)).status).toBe(404);
  });

  test("with unknown members beside its tasks is refused", async () => {
    expect((await add([task("c")], { colour: 1 })).json).toMatchObject({ code: "UnsupportedProperty" });
  });

  test("of more than 1 MB is refused, so that clients send less at once", async () => {
    const big = Array.from({ length: 100 }, (_, n) => task(`big${n}`, { displayName: "x".repeat(1000) }));
    const padded = big.map((each) => ({ ...each, environmentSettings: [{ name: "A", value: "y".repeat(10_000) }] }));
    const { status, json } = await add(padded);
    expect({ status, code: Object(json).code }).toEqual({ status: 413, code: "RequestBodyTooLarge" });
  });

  test("of a job that is missing or over is refused", async () => {
    const gone = await call("POST", "/jobs/none/addtaskcollection", { body: { value: [task("a")] } });
    expect(gone).toMatchObject({ status: 404, json: { code: "JobNotFound" } });
  });
});

describe("pages of a list", () => {
  const ids = Array.from({ length: 40 }, (_, n) => `p${String(n).padStart(2, "0")}`);
  beforeAll(async () => {
    await call("POST", "/jobs", { body: { id: "paged", poolInfo: { poolId: "pool" } } });
    await call("POST", "/jobs/paged/addtaskcollection", { body: { value: ids.map((id) => task(id)) } });
  });

  test("follow each other through their links, every element once", async () => {
    const query = { $filter: "id ge 'p05' and startswith(id, 'p')", $select: "id, state", maxresults: 7 };
    const seen: string[] = [];
    let answer = await call("GET", "/jobs/paged/tasks", { query });
    for (;;) {
      const page: { value: { id: string }[]; "odata.nextLink"?: string } = Object(answer.json);
      seen.push(...page.value.map(({ id }) => id));
      const link = page["odata.nextLink"];
      if (link === undefined) break;
      expect(link).toMatch(/^http:.*api-version=2024-07-01\.20\.0.*\$skiptoken=/);
      expect(link).not.toContain("+");
      answer = await call("GET", link.replace(service.url, ""), { version: null });
    }
    expect(seen).toEqual(ids.slice(5));
  });

  test("stay in step while elements come, go and change", async () => {
    const client = batchClient(service);
    const first = await client.task.list("paged", { taskListOptions: { maxResults: 10 } });
    await client.task.deleteMethod("paged", "p09");
    await client.task.deleteMethod("paged", "p15");
    await client.task.add("paged", { id: "p09b", commandLine: "true" });
    await client.task.add("paged", { id: "p00a", commandLine: "true" });
    await client.task.terminate("paged", "p20");
    const rest = await client.task.listNext(first.odatanextLink ?? "", { taskListNextOptions: {} });
    const expected = ["p09b", ...ids.slice(10).filter((id) => id !== "p15")];
    expect(rest.map(({ id }) => id)).toEqual(expected.slice(0, rest.length));
    expect(rest.length).toBe(10);
  });

  test("are as long as the version allows where nothing is said", async () => {
    for (let n = 0; n < 12; n++) await call("POST", "/pools", { body: aPool(`many${n}`, { targetDedicatedNodes: 0 }) });
    const counts = async (version: string) => Object((await call("GET", "/nodecounts", { version })).json).value.length;
    expect(await counts("2024-07-01.20.0")).toBe(10);
    expect(await counts("2025-06-01")).toBe(13);
    const refused = await call("GET", "/nodecounts", { version: "2022-10-01.16.0", query: { maxresults: 11 } });
    expect(refused.json).toMatchObject({ code: "OutOfRangeQueryParameterValue" });
  });
});
