import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { nodeClient, sharedKey } from "@kyanite/client/node";
import { batchToken, type RawClient, type RunningService, rawClient, runningService, until } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

let service: RunningService;
let call: RawClient;
beforeAll(async () => {
  service = await runningService();
  call = rawClient(service);
});
afterAll(() => service[Symbol.asyncDispose]());

interface Message {
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

/** A stream as it is received so far. */
class Received {
  readonly response: IncomingMessage;
  #text = "";
  isEnded = false;

  constructor(response: IncomingMessage) {
    this.response = response;
    response.setEncoding("utf8").on("data", (text: string) => {
      this.#text += text;
    });
    response.on("close", () => {
      this.isEnded = true;
    });
    response.on("error", () => {});
  }

  get messages(): readonly Message[] {
    const blocks = this.#text.split("\n\n").slice(0, -1);
    const fields = blocks.map((block) => Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s))));
    return fields.filter(({ data }) => data !== undefined).map(({ id, event, data }) => ({ id, event, data }));
  }

  get kinds(): readonly string[] {
    return this.messages.map(({ event }) => event);
  }

  /** The last id, also of a message without an event. */
  get lastId(): string {
    return [...this.#text.matchAll(/^id: (\S+)$/gm)].at(-1)?.[1] ?? "";
  }
}

async function follow(query: string, headers: Readonly<Record<string, string>> = {}): Promise<Received> {
  const target = `/kyanite/events?api-version=2024-07-01.20.0${query}`;
  const { name, key } = service.account;
  const all: Record<string, string> = { accept: "text/event-stream", "ocp-date": new Date().toUTCString(), ...headers };
  all.authorization ??= await sharedKey(name, key)({ method: "GET", target, headers: all });
  const message = request(service.url + target, { headers: all });
  message.on("error", () => {});
  message.end();
  const [response]: IncomingMessage[] = await once(message, "response");
  if (!response) throw new Error("no response");
  return new Received(response);
}

const addJob = (id: string) => call("POST", "/jobs", { body: { id, poolInfo: { poolId: "none" } } });

const ready = (stream: Received) =>
  until(
    async () => stream.lastId,
    (id) => id !== "",
  );

test("what changes comes to whoever follows, and only what they asked for", async () => {
  const all = await follow("");
  const some = await follow("&kind=job.*&jobId=ONE");
  const tokened = await follow("&jobId=one", { authorization: `Bearer ${await batchToken(service)}` });
  expect(all.response.headers).toMatchObject({ "content-type": "text/event-stream", "cache-control": "no-store" });
  await Promise.all([all, some, tokened].map(ready));
  await addJob("one");
  await addJob("two");
  await call("POST", "/jobs/one/tasks", { body: { id: "t", commandLine: "x" } });
  await until(
    async () => all.kinds,
    (kinds) => kinds.includes("task.created"),
  );
  expect(all.kinds).toEqual(["job.created", "job.created", "task.created"]);
  await until(
    async () => tokened.kinds,
    (kinds) => kinds.length === 2,
  );
  expect(tokened.kinds).toEqual(["job.created", "task.created"]);
  expect(some.messages.map(({ data }) => JSON.parse(data).resource.jobId)).toEqual(["one"]);
  for (const { response } of [all, some, tokened]) response.destroy();
});

test("a stream goes on where an earlier one ended, also at a server that has started since", async () => {
  const first = await follow("&kind=job.created");
  await ready(first);
  await addJob("r0");
  await until(
    async () => first.kinds,
    (kinds) => kinds.length === 1,
  );
  const lastId = first.lastId;
  await service.restart();
  await until(async () => first.isEnded, Boolean);
  expect(first.messages.at(-1)).toMatchObject({ event: "end", data: JSON.stringify({ reason: "serverStopping" }) });
  for (const id of ["r1", "r2", "r3"]) await addJob(id);
  const second = await follow("&kind=job.created", { "last-event-id": lastId });
  await until(
    async () => second.kinds,
    (kinds) => kinds.length === 3,
  );
  await addJob("r4");
  await until(
    async () => second.kinds,
    (kinds) => kinds.length === 4,
  );
  expect(second.messages.map(({ data }) => JSON.parse(data).resource.jobId)).toEqual(["r1", "r2", "r3", "r4"]);
  second.response.destroy();
});

test("who does not read is no burden, and reads everything later", async () => {
  await addJob("slow");
  const slow = await follow("&kind=task.created&jobId=slow");
  await ready(slow);
  slow.response.pause();
  const value = (batch: number) =>
    Array.from({ length: 100 }, (_, n) => ({ id: `${"x".repeat(50)}${batch * 100 + n}`, commandLine: "x" }));
  for (let batch = 0; batch < 30; batch++)
    await call("POST", "/jobs/slow/addtaskcollection", { body: { value: value(batch) } });
  const fast = await follow("&kind=job.created");
  await ready(fast);
  await addJob("fast");
  await until(
    async () => fast.kinds,
    (kinds) => kinds.length > 0,
  );
  slow.response.resume();
  await until(
    async () => slow.kinds.length,
    (count) => count === 3_000,
  );
  const ids = slow.messages.map(({ data }) => JSON.parse(data).resource.taskId);
  expect(new Set(ids).size).toBe(3_000);
  for (const { response } of [slow, fast]) response.destroy();
});

test("a client goes on by itself when its connections are cut, with nothing missing and nothing twice", async () => {
  const open = new Set<Socket>();
  const { hostname, port } = new URL(service.url);
  await using proxy = createServer((socket) => {
    const upstream = connect(Number(port), hostname);
    for (const each of [socket, upstream]) {
      open.add(each);
      each.on("error", () => {}).on("close", () => open.delete(each));
    }
    socket.pipe(upstream).pipe(socket);
  }).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const address = proxy.address();
  if (typeof address !== "object" || !address) throw new Error("no port");
  const { name, key } = service.account;
  using client = nodeClient({ url: `http://127.0.0.1:${address.port}`, credential: sharedKey(name, key) });
  const { cursor } = JSON.parse((await call("GET", "/kyanite/events", { query: { kind: "package.*" } })).text);
  const abort = new AbortController();
  const seen: string[] = [];
  const following = (async () => {
    for await (const { resource } of client.events({ kind: "job.created", after: cursor }, { signal: abort.signal }))
      seen.push(resource.jobId ?? "");
  })().catch((cause: unknown) => cause);
  const added: string[] = [];
  for (let n = 0; n < 4; n++) {
    for (const id of [`c${n}a`, `c${n}b`]) {
      await addJob(id);
      added.push(id);
    }
    await until(
      async () => seen.length,
      (count) => count >= added.length - 1,
    );
    for (const socket of open) socket.destroy();
  }
  await until(
    async () => seen.length,
    (count) => count >= added.length,
  );
  expect(seen).toEqual(added);
  abort.abort(new Error("enough"));
  expect(await following).toMatchObject({ message: "enough" });
  for (const socket of open) socket.destroy();
});

test("what is no cursor is refused before a stream begins", async () => {
  const stream = await follow("", { "last-event-id": "x" });
  expect(stream.response.statusCode).toBe(400);
});
