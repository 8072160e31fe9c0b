import { createHmac } from "node:crypto";
import { operations } from "@kyanite/contract";
import {
  aPool,
  metricsToken,
  type RawAnswer,
  type RawClient,
  type RunningService,
  rawClient,
  runningService,
} from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

let service: RunningService;
let call: RawClient;

beforeAll(async () => {
  service = await runningService({ settings: { corsOrigins: "https://portal.example https://other.example" } });
  call = rawClient(service);
  expect((await call("POST", "/pools", { body: aPool("pool", { targetDedicatedNodes: 0 }) })).status).toBe(201);
  expect((await call("POST", "/jobs", { body: { id: "job", poolInfo: { poolId: "pool" } } })).status).toBe(201);
  expect((await call("POST", "/jobs/job/tasks", { body: { id: "task", commandLine: "true" } })).status).toBe(201);
});
afterAll(() => service[Symbol.asyncDispose]());

/** Status, code and values of an error, its form checked. */
function errorOf(answer: RawAnswer) {
  expect(answer.json).toMatchObject({
    "odata.metadata": expect.stringMatching(
      /\$metadata#Microsoft\.Azure\.Batch\.Protocol\.Entities\.Container\.errors/,
    ),
    code: expect.any(String),
    message: { lang: "en-US", value: expect.stringContaining(`\nRequestId:${answer.headers["request-id"]}\nTime:20`) },
  });
  expect(answer.headers["content-type"]).toBe("application/json;odata=minimalmetadata");
  const { code, values } = Object(answer.json);
  const facts = Object.fromEntries((values ?? []).map(({ key, value }: Record<string, string>) => [key, value]));
  return { status: answer.status, code, ...facts };
}

describe("who may call", () => {
  test("a request without credential is asked for one", async () => {
    expect(errorOf(await call("GET", "/pools", { authorization: null }))).toEqual({
      status: 400,
      code: "MissingRequiredHeader",
      HeaderName: "Authorization",
    });
  });

  test.each([
    ["of another scheme", "Basic dXNlcjpwYXNz", 400, "InvalidAuthenticationInfo"],
    ["without signature", "SharedKey test", 400, "InvalidAuthenticationInfo"],
    ["with a wrong signature", `SharedKey test:${Buffer.alloc(32).toString("base64")}`, 403, "AuthenticationFailed"],
    ["of an unknown account", `SharedKey nobody:${Buffer.alloc(32).toString("base64")}`, 403, "AuthenticationFailed"],
  ])("a credential %s is refused", async (_, authorization, status, code) => {
    expect(errorOf(await call("GET", "/pools", { authorization }))).toMatchObject({ status, code });
  });

  test("a wrong signature is told what would have been signed here", async () => {
    const wrong = `SharedKey test:${Buffer.alloc(32).toString("base64")}`;
    const headers = { "ocp-date": new Date().toUTCString() };
    const refused = errorOf(await call("GET", "/pools?maxresults=1&timeout=5", { authorization: wrong, headers }));
    const detail = String(Object(refused).AuthenticationErrorDetail);
    const [, text = ""] = /Server used following string to sign: '(GET\n.*)'\.$/s.exec(detail) ?? [];
    expect(text).toContain("/test/pools\napi-version:2024-07-01.20.0\nmaxresults:1\ntimeout:5");
    const signature = createHmac("sha256", Buffer.from(service.account.key, "base64")).update(text).digest("base64");
    const authorization = `SharedKey test:${signature}`;
    expect((await call("GET", "/pools?maxresults=1&timeout=5", { authorization, headers })).status).toBe(200);
    const unknown = errorOf(
      await call("GET", "/pools?maxresults=1&timeout=5", { authorization: wrong.replace("test", "none"), headers }),
    );
    expect(Object(unknown).AuthenticationErrorDetail).toBe(detail.replace("/test/", "/none/"));
    const long = errorOf(await call("GET", `/pools?x=${"y".repeat(20_000)}`, { authorization: wrong }));
    expect(String(Object(long).AuthenticationErrorDetail).length).toBeLessThan(5_000);
  });

  test.each([
    ["in the past", -16 * 60_000, 403],
    ["in the future", 16 * 60_000, 403],
    ["within fifteen minutes", -14 * 60_000, 200],
  ])("a time %s counts", async (_, offset, status) => {
    const headers = { "ocp-date": new Date(Date.now() + offset).toUTCString() };
    expect((await call("GET", "/pools", { headers })).status).toBe(status);
  });

  test("the time may be given as Go and RFC 850 write it, and must be given", async () => {
    const now = new Date().toUTCString();
    const [day = "", date = "", month = "", year = "", time = ""] = now.replace(",", "").split(" ");
    const weekday = { Mon: "Mon", Tue: "Tues", Wed: "Wednes", Thu: "Thurs", Fri: "Fri", Sat: "Satur", Sun: "Sun" }[day];
    for (const text of [now.replace("GMT", "UTC"), `${weekday}day, ${date}-${month}-${year.slice(2)} ${time} GMT`])
      expect((await call("GET", "/pools", { headers: { "ocp-date": text } })).status).toBe(200);
    for (const text of ["", "yesterday"])
      expect(errorOf(await call("GET", "/pools", { headers: { "ocp-date": text } })).code).toBe("AuthenticationFailed");
  });

  test("the account may stand in the path, and must then be the credential's", async () => {
    const answer = await call("GET", "/accounts/test/pools");
    expect(answer.status).toBe(200);
    expect(answer.text).toContain(`${service.url}/accounts/test/$metadata#pools`);
    expect(errorOf(await call("GET", "/accounts/other/pools"))).toMatchObject({ code: "AuthenticationFailed" });
  });

  test.each(["/livez", "/readyz"])("%s answers anyone", async (path) => {
    expect(await call("GET", path, { authorization: null, version: null })).toMatchObject({
      status: 200,
      text: "ok\n",
    });
  });

  test("metrics count requests, loops and what exists", async () => {
    const read = (authorization: string | null) => call("GET", "/metrics", { authorization, version: null });
    for (const wrong of [null, "Bearer wrong", metricsToken]) expect((await read(wrong)).status).toBe(401);
    const { status, text } = await read(`Bearer ${metricsToken}`);
    expect(status).toBe(200);
    expect(text).toMatch(/kyanite_request_seconds_count\{operation="Pool_Add",status="201"\} 1/);
    expect(text).toMatch(/kyanite_loop_round_seconds_count\{loop="resize-pools",outcome="done"\} [1-9]/);
    expect(text).toMatch(/kyanite_resources\{kind="task",state="active"\} 1/);
    expect(text).toMatch(/# TYPE kyanite_nodes gauge/);
    expect(text).not.toMatch(/kyanite_totals_failures_total [1-9]/);
  });

  test("the OpenAPI description is that of the version asked for", async () => {
    const read = async (version: string) =>
      Object((await call("GET", "/openapi.json", { authorization: null, version })).json);
    expect((await read("2022-10-01.16.0")).paths["/certificates"]).toBeDefined();
    const newest = await read("2025-06-01");
    expect(newest.paths["/certificates"]).toBeUndefined();
    expect(newest.servers).toEqual([{ url: service.url }]);
  });

  test.each(["/metrics", "/openapi.json"])("%s is not shown to those who come through a proxy", async (path) => {
    const headers = { "x-forwarded-for": "203.0.113.7" };
    expect((await call("GET", path, { authorization: null, version: null, headers })).status).toBe(403);
  });

  test.each(["/metrics", "/openapi.json", "/metadata/endpoints", "/adfs/discovery/keys"])(
    "%s is not shown to pages of others who made their name point to this machine",
    async (path) => {
      const ask = async (host: string) =>
        (await call("GET", path, { authorization: `Bearer ${metricsToken}`, version: null, headers: { host } })).status;
      for (const host of ["evil.example", "evil.example:10080", "localhost.evil.example", "127.0.0.1.evil.example"])
        expect([host, await ask(host)]).toEqual([host, 403]);
      for (const host of ["localhost", "test.localhost:10080", "127.0.0.1:1", "[::1]:10080"])
        expect([host, await ask(host)]).toEqual([host, 200]);
    },
  );

  test("a host that is none is refused", async () => {
    const refused = await call("GET", "/pools", { headers: { host: "a b/c" } });
    expect(errorOf(refused)).toMatchObject({ status: 400, code: "InvalidHeaderValue", HeaderName: "Host" });
  });

  test("every operation asks for a credential before it does or shows anything", async () => {
    for (const { method, path } of Object.values(operations)) {
      const answer = await call(method, path.replace(/\{\w+\}/g, "x"), {
        authorization: null,
        version: "2022-10-01.16.0",
      });
      expect([400, 405], `${method} ${path}`).toContain(answer.status);
    }
  });
});

describe("what is asked for", () => {
  test.each([
    ["no version", { version: null }, "MissingRequiredQueryParameter"],
    ["an empty version", { version: "" }, "MissingRequiredQueryParameter"],
    ["an unknown version", { version: "2017-01-01.4.0" }, "UnsupportedRequestVersion"],
    ["an unknown parameter", { query: { color: "red" } }, "UnsupportedQueryParameter"],
    ["no number", { query: { maxresults: "many" } }, "InvalidQueryParameterValue"],
    ["too few results", { query: { maxresults: 0 } }, "OutOfRangeQueryParameterValue"],
    ["too many results", { query: { maxresults: 1001 } }, "OutOfRangeQueryParameterValue"],
    ["an unknown expansion", { query: { $expand: "nodes" } }, "InvalidQueryParameterValue"],
    ["an unknown property", { query: { $select: "id, colour" } }, "InvalidQueryParameterValue"],
    ["a skip token of our own making", { query: { $skiptoken: "abc" } }, "InvalidQueryParameterValue"],
    ["a filter that is none", { query: { $filter: "state" } }, "InvalidQueryParameterValue"],
    ["a filter by what cannot be filtered", { query: { $filter: "url eq 'x'" } }, "InvalidQueryParameterValue"],
    ["a timeout of a fraction of a second", { query: { timeout: "1.7e-225" } }, "InvalidQueryParameterValue"],
    ["a timeout of seconds and a half", { query: { timeout: "1.5" } }, "InvalidQueryParameterValue"],
    ["no timeout at all", { query: { timeout: 0 } }, "OutOfRangeQueryParameterValue"],
    ["a filter with U+0000", { query: { $filter: "id eq '\0'" } }, "InvalidQueryParameterValue"],
  ])("%s is refused", async (_, request, code) => {
    expect(errorOf(await call("GET", "/pools", request))).toMatchObject({ status: 400, code });
  });

  test("names of parameters are read without case, and a long timeout counts as thirty seconds", async () => {
    const query = { timeOut: 300, MaxResults: 1, $FILTER: "id eq 'POOL'", $Select: "id" };
    const { status, json } = await call("GET", "/pools", { query });
    expect(status).toBe(200);
    expect(json).toMatchObject({ value: [{ id: "pool" }] });
  });

  test("the longest filter is read, however much longer its URL is", async () => {
    const $filter = `id eq '${"é".repeat(8_000)}' or id eq 'pool'`;
    expect(await call("GET", "/pools", { query: { $filter, $select: "id" } })).toMatchObject({
      status: 200,
      json: { value: [{ id: "pool" }] },
    });
  });

  test.each([
    ["GET", "/nothing", 400, "InvalidUri"],
    ["GET", "/Pools", 400, "InvalidUri"],
    ["GET", "/pools/a/b/c/d", 400, "InvalidUri"],
    ["PATCH", "/pools", 405, "UnsupportedHttpVerb"],
    ["OPTIONS", "/pools", 405, "UnsupportedHttpVerb"],
    ["PROPFIND", "/pools", 405, "UnsupportedHttpVerb"],
    ["GET", "/pools/%zz", 400, "RequestUrlFailedToParse"],
    ["GET", "/pools/%00", 400, "RequestUrlFailedToParse"],
    ["GET", "/pools/%C3%28", 400, "RequestUrlFailedToParse"],
  ])("%s %s is refused with %i", async (method, path, status, code) => {
    expect(errorOf(await call(method, path))).toMatchObject({ status, code });
  });

  test("an operation is known in its versions only", async () => {
    expect((await call("GET", "/certificates", { version: "2022-10-01.16.0" })).status).toBe(200);
    expect(errorOf(await call("GET", "/certificates", { version: "2025-06-01" })).code).toBe("InvalidUri");
  });

  test("ids are matched without case and shown as they were given", async () => {
    const { json, status } = await call("GET", "/jobs/JOB/tasks/Task");
    expect(status).toBe(200);
    expect(json).toMatchObject({ id: "task", url: `${service.url}/jobs/job/tasks/task` });
    expect((await call("GET", "/jobs/j%6Fb")).status).toBe(200);
    expect(errorOf(await call("POST", "/jobs", { body: { id: "JOB", poolInfo: { poolId: "pool" } } })).code).toBe(
      "JobExists",
    );
  });

  test("$select shows the members asked for, by the names of the version", async () => {
    const only = async (version: string, $select: string) => {
      const { json } = await call("GET", "/pools/pool", { version, query: { $select } });
      return Object.keys(Object(json)).sort();
    };
    expect(await only("2024-07-01.20.0", "id , taskSlotsPerNode")).toEqual([
      "id",
      "odata.metadata",
      "taskSlotsPerNode",
    ]);
    expect(await only("2019-08-01.10.0", "maxTasksPerNode")).toEqual(["maxTasksPerNode", "odata.metadata"]);
    expect(await only("2024-07-01.20.0", "*")).toContain("state");
  });
});

describe("bodies", () => {
  test("may have numbers and booleans as strings, as az sends its options", async () => {
    const pool = aPool("strings", { targetDedicatedNodes: "0", taskSlotsPerNode: "2", enableAutoScale: "false" });
    expect((await call("POST", "/pools", { body: pool })).status).toBe(201);
    expect((await call("GET", "/pools/strings")).json).toMatchObject({ taskSlotsPerNode: 2, enableAutoScale: false });
    const resized = await call("POST", "/pools/strings/resize", { body: { targetDedicatedNodes: "0" } });
    expect(resized.status).toBe(202);
    const job = {
      id: "strings",
      poolInfo: { poolId: "pool" },
      priority: "3",
      constraints: { maxTaskRetryCount: "-1" },
      metadata: [{ name: "n", value: "5" }],
    };
    expect((await call("POST", "/jobs", { body: job })).status).toBe(201);
    expect((await call("GET", "/jobs/strings")).json).toMatchObject({
      priority: 3,
      constraints: { maxTaskRetryCount: -1 },
      metadata: [{ name: "n", value: "5" }],
    });
    for (const priority of ["3.0", "+3", " 3", "03", "three", "", "1e2", "true"])
      expect(errorOf(await call("PATCH", "/jobs/strings", { body: { priority } }))).toMatchObject({
        code: "InvalidPropertyValue",
        PropertyName: "priority",
      });
    const value = [
      { id: "a", commandLine: "true", requiredSlots: "1", constraints: { maxTaskRetryCount: "2" } },
      { id: "b", commandLine: "true", requiredSlots: "many" },
    ];
    const added = await call("POST", "/jobs/strings/addtaskcollection", { body: { value } });
    expect(Object(added.json).value).toMatchObject([{ status: "success" }, { status: "clienterror" }]);
    await call("DELETE", "/jobs/strings");
    await call("DELETE", "/pools/strings");
  });

  const job = (id: string) => ({ id, poolInfo: { poolId: "pool" } });

  test.each([
    "application/json",
    "application/json; odata=minimalmetadata",
    "application/json;odata=minimalmetadata;charset=utf-8",
    "APPLICATION/JSON; charset=UTF-8",
  ])("of type %s are read", async (type) => {
    const id = `type-${type.replace(/\W/g, "-")}`;
    expect((await call("POST", "/jobs", { body: job(id), headers: { "content-type": type } })).status).toBe(201);
  });

  test("of another type are refused", async () => {
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    expect(errorOf(await call("POST", "/jobs", { body: "id=1", headers }))).toMatchObject({
      status: 400,
      code: "InvalidHeaderValue",
      HeaderName: "Content-Type",
    });
  });

  test("may come in chunks, without their length", async () => {
    expect((await call("POST", "/jobs", { body: job("chunked"), isChunked: true })).status).toBe(201);
  });

  test("may begin with a byte order mark and carry annotations", async () => {
    const body = `\uFEFF${JSON.stringify({ "odata.metadata": "x", ...job("marked"), displayName: null })}`;
    expect((await call("POST", "/jobs", { body })).status).toBe(201);
  });

  test("may be missing, empty or {} where they are optional", async () => {
    for (const request of [{}, { headers: { "content-length": "0" } }, { body: "{}" }, { body: "" }]) {
      const id = `optional-${Math.random().toString(36).slice(2)}`;
      await call("POST", "/jobs", { body: job(id) });
      expect((await call("POST", `/jobs/${id}/terminate`, request)).status).toBe(202);
    }
  });

  test("are not missed where there is none to read", async () => {
    const headers = { "content-length": "0", "content-type": "application/json" };
    expect((await call("DELETE", "/jobs/chunked", { headers })).status).toBe(202);
  });

  test.each([
    ["that are missing", undefined, "InvalidRequestBody"],
    ["that are no JSON", "{", "InvalidRequestBody"],
    ["that are no object", "[]", "InvalidRequestBody"],
    ["that are null", "null", "InvalidRequestBody"],
    ["with a text of U+0000", '{"id":"a","displayName":"\\u0000","poolInfo":{"poolId":"p"}}', "InvalidRequestBody"],
    [
      "with half a surrogate pair",
      '{"id":"a","displayName":"\\ud800","poolInfo":{"poolId":"p"}}',
      "InvalidRequestBody",
    ],
    ["without bottom", `{"id":${"[".repeat(100_000)}${"]".repeat(100_000)}}`, "InvalidRequestBody"],
    ["without a required property", "{}", "MissingRequiredProperty"],
    ["with an unknown property", '{"id":"a","poolInfo":{"poolId":"p"},"colour":1}', "UnsupportedProperty"],
    ["with a wrong value", '{"id":"a b","poolInfo":{"poolId":"p"}}', "InvalidPropertyValue"],
    ["with a wrong type", '{"id":"a","poolInfo":{"poolId":"p"},"priority":"high"}', "InvalidPropertyValue"],
  ])("%s are refused", async (_, body, code) => {
    expect(errorOf(await call("POST", "/jobs", { body }))).toMatchObject({ status: 400, code });
  });

  test("a backslash before u0000 is no U+0000", async () => {
    const body = '{"id":"backslash","displayName":"\\\\u0000","poolInfo":{"poolId":"pool"}}';
    expect((await call("POST", "/jobs", { body })).status).toBe(201);
    expect((await call("GET", "/jobs/backslash")).json).toMatchObject({ displayName: "\\u0000" });
  });

  test("of more than 4 MB are refused", async () => {
    const body = { ...job("large"), displayName: "x".repeat(4 * 1024 * 1024) };
    expect(errorOf(await call("POST", "/jobs", { body }))).toMatchObject({ status: 413, code: "RequestBodyTooLarge" });
  });
});

describe("answers", () => {
  test("carry an id of the request, and the client's own when it asks for it", async () => {
    const asked = { "client-request-id": "b5f0b2a8-0000-4000-8000-000000000001" };
    const without = await call("GET", "/pools", { headers: asked });
    expect(without.headers["client-request-id"]).toBeUndefined();
    expect(without.headers).toMatchObject({
      "request-id": expect.stringMatching(/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/),
      dataserviceversion: "3.0",
      "content-type": "application/json;odata=minimalmetadata",
    });
    const echoed = await call("GET", "/pools/none", { headers: { ...asked, "return-client-request-id": "True" } });
    expect(echoed.headers["client-request-id"]).toBe(asked["client-request-id"]);
  });

  test("of an error give its text in the status line", async () => {
    expect((await call("GET", "/pools/none")).reason).toBe("The specified pool does not exist.");
  });

  test("to HEAD have no body, found or not", async () => {
    expect(await call("HEAD", "/pools/pool")).toMatchObject({ status: 200, text: "" });
    expect(await call("HEAD", "/pools/none")).toMatchObject({ status: 404, text: "" });
  });

  test("that create have Location, DataServiceId, ETag and no body", async () => {
    const { headers, text, status } = await call("POST", "/jobs", {
      body: { id: "new", poolInfo: { poolId: "pool" } },
    });
    expect({ status, text }).toEqual({ status: 201, text: "" });
    expect(headers).toMatchObject({
      location: `${service.url}/jobs/new`,
      dataserviceid: `${service.url}/jobs/new`,
      etag: expect.stringMatching(/^0x[0-9A-F]+$/),
      "last-modified": expect.stringMatching(/ GMT$/),
    });
    const { json } = await call("GET", "/jobs/new");
    expect(json).toMatchObject({ eTag: headers.etag });
  });

  test("to our own pages and those of allowed origins may be read, to others not", async () => {
    const preflight = (origin: string) => call("OPTIONS", "/pools", { headers: { origin }, authorization: null });
    for (const origin of [service.url, "https://portal.example"]) {
      const allowed = await preflight(origin);
      expect(allowed.status).toBe(204);
      expect(allowed.headers).toMatchObject({
        "access-control-allow-origin": origin,
        "access-control-allow-headers": expect.stringContaining("ocp-date"),
        vary: "origin",
      });
    }
    for (const origin of ["https://evil.example", "http://localhost:3000", "http://127.0.0.1:8080", "null"])
      expect([origin, (await preflight(origin)).headers["access-control-allow-origin"]]).toEqual([origin, undefined]);
    const read = await call("GET", "/pools/none", { headers: { origin: "https://other.example" } });
    expect(read.headers["access-control-allow-origin"]).toBe("https://other.example");
  });
});

describe("conditional headers", () => {
  /** What carries them, each with the resource that it needs; writes are only tried where they fail. */
  const conditional = Object.entries(operations)
    .filter(([, operation]) => "conditions" in operation && operation.conditions === "all")
    .map(([name, { method, path }]) => [name, method, path] as const);
  const ids: Readonly<Record<string, string>> = {
    poolId: "pool",
    jobId: "job",
    taskId: "task",
    jobScheduleId: "schedule",
  };
  const bodies: Readonly<Record<string, object>> = {
    Pool_EnableAutoScale: { autoScaleFormula: "$TargetDedicatedNodes=0;" },
    Pool_Resize: { targetDedicatedNodes: 0 },
    Pool_RemoveNodes: { nodeList: ["x"] },
    Job_Disable: { disableTasks: "wait" },
    Job_Update: { poolInfo: { poolId: "pool" } },
    JobSchedule_Update: { schedule: {}, jobSpecification: { poolInfo: { poolId: "pool" } } },
  };

  const past = "Tue, 01 Jan 2019 00:00:00 GMT";
  const future = "Fri, 01 Jan 2100 00:00:00 GMT";
  const failing = (isRead: boolean): readonly [Readonly<Record<string, string>>, number][] => [
    [{ "if-match": "0x0" }, 412],
    [{ "if-none-match": "*" }, isRead ? 304 : 412],
    [{ "if-modified-since": future }, isRead ? 304 : 412],
    [{ "if-unmodified-since": past }, 412],
  ];

  beforeAll(async () => {
    const body = { id: "schedule", schedule: {}, jobSpecification: { poolInfo: { poolId: "pool" } } };
    await call("POST", "/jobschedules", { body });
  });

  test.each(conditional)("%s heeds them", async (name, method, template) => {
    const path = template.replace(/\{(\w+)\}/g, (_, id: string) => ids[id] ?? "");
    const isRead = method === "GET" || method === "HEAD";
    const body = bodies[name] ?? (method === "PATCH" || method === "PUT" ? {} : undefined);
    for (const [headers, status] of failing(isRead)) {
      const answer = await call(method, path, { headers, ...(body ? { body } : {}) });
      if (answer.status === 501 || (answer.status === 404 && path.includes("schedule"))) return;
      expect(answer.status, JSON.stringify(headers)).toBe(status);
      if (answer.status === 304 || method === "HEAD") expect(answer.text).toBe("");
      else expect(errorOf(answer).code).toBe("ConditionNotMet");
    }
  });

  test("of the present version are met, quoted or not, and one of them overrides its date", async () => {
    const { etag = "", "last-modified": modified = "" } = (await call("GET", "/pools/pool")).headers;
    const met: readonly Readonly<Record<string, string>>[] = [
      { "if-match": etag },
      { "if-match": `"${etag}"` },
      { "if-match": `"0x1", ${etag}` },
      { "if-match": "*" },
      { "if-match": etag, "if-unmodified-since": past },
      { "if-none-match": "0x1", "if-modified-since": future },
      { "if-unmodified-since": modified },
      { "if-modified-since": past },
    ];
    for (const headers of met)
      expect((await call("GET", "/pools/pool", { headers })).status, JSON.stringify(headers)).toBe(200);
    expect((await call("GET", "/pools/pool", { headers: { "if-modified-since": modified } })).status).toBe(304);
  });

  test("that contradict each other or are no dates are refused", async () => {
    const both = { "if-match": "*", "if-none-match": "0x1" };
    expect(errorOf(await call("GET", "/pools/pool", { headers: both })).code).toBe(
      "MultipleConditionHeadersNotSupported",
    );
    const headers = { "if-modified-since": "long ago" };
    expect(errorOf(await call("GET", "/pools/pool", { headers }))).toMatchObject({
      code: "InvalidHeaderValue",
      HeaderName: "If-Modified-Since",
    });
  });
});
