import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { aPool, batchToken, type RunningService, runningService, until } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BatchClient, batchClient, bearer, type Credential, RequestError, sharedKey } from "../src/index.ts";
import { nodeClient, sharedKey as nodeSharedKey } from "../src/node.ts";

let service: RunningService;
beforeAll(async () => {
  service = await runningService();
});
afterAll(() => service[Symbol.asyncDispose]());

const kinds = {
  browsers: {
    sharedKey,
    connect: (url: string, credential: Credential): BatchClient & Partial<Disposable> =>
      batchClient({ url, credential }),
  },
  Node: {
    sharedKey: nodeSharedKey,
    connect: (url: string, credential: Credential): BatchClient & Partial<Disposable> =>
      nodeClient({ url, credential }),
  },
};

describe.each(Object.entries(kinds))("a client for %s", (kind, { connect, sharedKey }) => {
  let client: BatchClient & Partial<Disposable>;
  beforeAll(() => {
    client = connect(service.url, sharedKey(service.account.name, service.account.key));
  });
  afterAll(() => client[Symbol.dispose]?.());
  const id = (name: string) => `${name}-${kind}`;

  test("adds, reads and deletes, with typed bodies", async () => {
    const added = await client.call("Job_Add", { body: { id: id("a"), poolInfo: { poolId: "none" } } });
    expect(added).toMatchObject({ status: 201, body: undefined });
    const { body, headers } = await client.call("Job_Get", { jobId: id("a"), $select: "id,state,eTag" });
    expect(body).toMatchObject({ id: id("a"), state: "active", eTag: headers.get("ETag") });
    const unmet = { jobId: id("a"), ifMatch: '"other"', body: { priority: 5 } };
    await expect(client.call("Job_Patch", unmet)).rejects.toMatchObject({ status: 412, code: "ConditionNotMet" });
    const deleted = await client.call("Job_Delete", { jobId: id("a") });
    expect(deleted.status).toBe(202);
  });

  test("reads a list of many pages, and stops where its reader does", async () => {
    const jobId = id("many");
    await client.call("Job_Add", { body: { id: jobId, poolInfo: { poolId: "none" } } });
    const value = Array.from({ length: 25 }, (_, n) => ({ id: `t${n}`, commandLine: "x ü" }));
    const { body } = await client.call("Task_AddCollection", { jobId, body: { value } });
    expect(body.value).toHaveLength(25);
    const ids: string[] = [];
    for await (const task of client.list("Task_List", { jobId, maxresults: 10, $filter: "state eq 'active'" }))
      ids.push(task.id ?? "");
    expect(new Set(ids)).toEqual(new Set(value.map((task) => task.id)));
    const sizes: number[] = [];
    for await (const page of client.list("Task_List", { jobId, maxresults: 10 }).pages()) sizes.push(page.length);
    expect(sizes).toEqual([10, 10, 5]);
  });

  test("an error has code, sentence, id and facts", async () => {
    const refused = await client.call("Pool_Add", { body: { ...aPool("p"), id: "no good" } }).catch((error) => error);
    expect(refused).toBeInstanceOf(RequestError);
    expect(refused).toMatchObject({ status: 400, code: "InvalidPropertyValue", values: { PropertyName: "id" } });
    expect(refused.requestId).toMatch(/\w{8}/);
    expect(refused.message).not.toContain("RequestId");
    const missing = client.list("Task_List", { jobId: "missing" })[Symbol.asyncIterator]();
    await expect(missing.next()).rejects.toMatchObject({ status: 404, code: "JobNotFound" });
    await expect(client.call("Pool_Exists", { poolId: "missing" })).rejects.toMatchObject({ status: 404 });
  });

  test("signs in with a token", async () => {
    const token = await batchToken(service);
    for (const credential of [bearer(token), bearer(async () => token)]) {
      const signedIn = connect(service.url, credential);
      for await (const _ of signedIn.list("Pool_List")) break;
      signedIn[Symbol.dispose]?.();
    }
    const stranger = connect(service.url, bearer("nonsense"));
    await expect(stranger.call("Pool_Get", { poolId: "p" })).rejects.toMatchObject({ code: "AuthenticationFailed" });
    stranger[Symbol.dispose]?.();
  });

  test("reaches the service below a path of its account", async () => {
    const { url, account } = service;
    const below = connect(`${url}/accounts/${account.name}/`, sharedKey(account.name, account.key));
    for await (const page of below.list("Job_List", { maxresults: 1 }).pages()) expect(page.length).toBeLessThan(2);
    below[Symbol.dispose]?.();
  });

  test("reads files as they are, whole or in part", async () => {
    const poolId = id("files");
    await client.call("Pool_Add", { body: { ...aPool(poolId), targetDedicatedNodes: 1 } });
    await client.call("Job_Add", { body: { id: poolId, poolInfo: { poolId } } });
    const commandLine = "/bin/sh -c 'echo grüße; head -c 3000000 /dev/zero >big'";
    await client.call("Task_Add", { jobId: poolId, body: { id: "t", commandLine } });
    const task = { jobId: poolId, taskId: "t" };
    await until(
      () => client.call("Task_Get", task),
      ({ body }) => body.state === "completed",
    );
    const output = await client.file("File_GetFromTask", { ...task, filePath: "stdout.txt" });
    expect(output.headers.get("content-length")).toBe("8");
    expect(await output.body.text()).toBe("grüße\n");
    const range = { start: 0, end: 1 };
    const part = await client.file("File_GetFromTask", { ...task, filePath: "stdout.txt", range });
    expect([part.status, await part.body.text()]).toEqual([200, "gr"]);
    let bytes = 0;
    const big = await client.file("File_GetFromTask", { ...task, filePath: "wd/big" });
    for await (const chunk of big.body) bytes += chunk.length;
    expect(bytes).toBe(3_000_000);
    for await (const _ of (await client.file("File_GetFromTask", { ...task, filePath: "wd/big" })).body) break;
    const properties = await client.call("File_GetPropertiesFromTask", { ...task, filePath: "wd/big" });
    expect(properties.headers.get("content-length")).toBe("3000000");
    await client.call("Pool_Delete", { poolId });
  });

  test("a call ends when its signal or its time does", async () => {
    await using silent = await silentServer();
    const waiting = connect(silent.url, sharedKey("a", "AAAA"));
    const controller = new AbortController();
    const asked = waiting.call("Job_Get", { jobId: "j" }, { signal: controller.signal });
    await silent.asked;
    controller.abort(new Error("enough"));
    await expect(asked).rejects.toThrow("enough");
    const { signal } = controller;
    await expect(waiting.call("Job_Get", { jobId: "j" }, { signal })).rejects.toThrow("enough");
    const late = waiting.file("File_GetFromTask", { jobId: "j", taskId: "t", filePath: "f" }, { timeoutSeconds: 0.05 });
    await expect(late).rejects.toMatchObject({ name: "TimeoutError" });
    const begun = { jobId: "begun", taskId: "t", filePath: "f" };
    const read = waiting.file("File_GetFromTask", begun, { timeoutSeconds: 0.5 }).then(({ body }) => body.text());
    await expect(read).rejects.toMatchObject({ name: "TimeoutError" });
    const unread = waiting.file("File_GetFromTask", begun, { timeoutSeconds: 0.5 }).then(async ({ body }) => {
      await silent.closed();
      return body.text();
    });
    await expect(unread).rejects.toMatchObject({ name: "TimeoutError" });
    waiting[Symbol.dispose]?.();
  });

  test("a link to another place gets no credential", async () => {
    const targets: string[] = [];
    await using server = await serverThat((target) => {
      targets.push(target);
      return { value: [], ...(targets.length < 2 && { "odata.nextLink": "http://192.0.2.1/pools?$skiptoken=x" }) };
    });
    const following = connect(server.url, bearer("secret"));
    for await (const _ of following.list("Pool_List"));
    expect(targets).toEqual([expect.stringMatching(/^\/pools\?api-version=/), "/pools?$skiptoken=x"]);
    following[Symbol.dispose]?.();
  });
});

test("a client on Node trusts the authority that it is given", async () => {
  await using secure = await runningService({ https: true });
  const credential = nodeSharedKey(secure.account.name, secure.account.key);
  using client = nodeClient({ url: secure.https.url, ca: secure.https.ca, credential });
  for await (const _ of client.list("Pool_List"));
  using stranger = nodeClient({ url: secure.https.url, credential });
  await expect(stranger.call("Pool_Get", { poolId: "p" })).rejects.toThrow(/certificate/);
});

async function listening(server: ReturnType<typeof createServer>) {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = Object(server.address());
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function serverThat(answer: (target: string) => object) {
  return listening(createServer((request, response) => response.end(JSON.stringify(answer(request.url ?? "")))));
}

/** Takes requests and answers none, or, for the job `begun`, begins to. */
async function silentServer() {
  const open = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    open.add(response);
    response.on("close", () => open.delete(response));
    if (request.url?.startsWith("/jobs/begun")) response.write("begun");
  });
  const closed = () =>
    until(
      async () => open.size,
      (size) => size === 0,
    );
  return { ...(await listening(server)), asked: once(server, "request"), closed };
}
