import { once } from "node:events";
import { request } from "node:https";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { aPool, managementToken, type RunningService, rawClient, runningService } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

/** As they travel: older clients look for names of headers letter by letter. */
let service: RunningService;

beforeAll(async () => {
  service = await runningService({ https: true });
});
afterAll(() => service[Symbol.asyncDispose]());

const common = ["request-id", "DataServiceVersion", "Date"];

test("the data plane spells the names of headers as the service does", async () => {
  const client = rawClient(service);
  const echo = { headers: { "client-request-id": "me", "return-client-request-id": "true" } };
  const added = await client("POST", "/pools", { body: aPool("pool", { targetDedicatedNodes: 0 }), ...echo });
  const entity = ["ETag", "Last-Modified"];
  expect(added.headerNames).toEqual(
    expect.arrayContaining([...common, ...entity, "DataServiceId", "Location", "client-request-id"]),
  );
  const shown = await client("GET", "/pools/pool");
  expect(shown.headerNames).toEqual(expect.arrayContaining([...common, ...entity, "Content-Type", "Content-Length"]));
  const exists = await client("HEAD", "/pools/pool");
  expect(exists.headerNames).toEqual(expect.arrayContaining([...common, ...entity]));
  const refused = await client("GET", "/pools/none");
  expect(refused.headerNames).toEqual(expect.arrayContaining([...common, "Content-Type", "Content-Length"]));
});

test("so it does where a file is streamed", async () => {
  const client = rawClient(service);
  await client("POST", "/pools", { body: aPool("busy") });
  await client("POST", "/jobs", { body: { id: "job", poolInfo: { poolId: "busy" } } });
  await client("POST", "/jobs/job/tasks", { body: { id: "task", commandLine: "echo hello" } });
  await expect
    .poll(async () => JSON.stringify((await client("GET", "/jobs/job/tasks/task")).json), { timeout: 60_000 })
    .toContain('"completed"');
  for (const method of ["GET", "HEAD"]) {
    const { headerNames, headers } = await client(method, "/jobs/job/tasks/task/files/stdout.txt");
    expect(headers["content-length"]).toBe("6");
    expect(headerNames).toEqual(
      expect.arrayContaining([
        ...["Content-Length", "Content-Type", "Last-Modified"],
        ...["ocp-batch-file-isdirectory", "ocp-batch-file-mode", "ocp-batch-file-url"],
      ]),
    );
  }
});

test("the management plane does so too, over HTTPS", async () => {
  const { token } = await (await managementToken(service, { role: "owner" }))();
  const names = await new Promise<readonly string[]>((resolve, reject) => {
    const url = `${service.https.url}/subscriptions?api-version=2022-12-01`;
    const headers = { authorization: `Bearer ${token}`, "x-ms-client-request-id": "me" };
    request(url, { ca: service.https.ca, headers }, (answer) => resolve(answer.resume().rawHeaders))
      .on("error", reject)
      .end();
  });
  expect(names).toEqual(
    expect.arrayContaining(["Content-Type", "Content-Length", "Cache-Control", "x-ms-request-id", "Date"]),
  );
});

test("an answer of Node itself has its headers, too", async () => {
  const { hostname, port } = new URL(service.url);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  socket.write("GET /pools HTTP/1.1\r\n\r\n");
  const [status, ...headers] = (await text(socket)).split("\r\n\r\n")[0]?.split("\r\n") ?? [];
  expect(status).toBe("HTTP/1.1 400 Bad Request");
  expect(headers).toContain("Connection: close");
  expect(headers.filter((line) => !/^[A-Z][A-Za-z-]*: /.test(line))).toEqual([]);
});
