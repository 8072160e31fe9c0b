import { once } from "node:events";
import { readdirSync } from "node:fs";
import { truncate } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import type { Socket } from "node:net";
import { join } from "node:path";
import { systemClock } from "@kyanite/runtime";
import { addServicePrincipal } from "@kyanite/service/identity/principals";
import {
  aPool,
  batchClient,
  type RawClient,
  type RunningService,
  rawClient,
  runningService,
  storageContainer,
  until,
} from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { head, rawSocket } from "../raw-socket.ts";

const fileBytes = 64 * 1024 * 1024;
const idleSeconds = 2;

let service: RunningService;
let call: RawClient;

beforeAll(async () => {
  const limits = { headSeconds: 1, idleSeconds, keptSeconds: 1, discardSeconds: 1 };
  service = await runningService({ https: true, limits });
  call = rawClient(service);
  await call("POST", "/pools", { body: aPool("pool", { targetDedicatedNodes: 1 }) });
  await call("POST", "/jobs", { body: { id: "job", poolInfo: { poolId: "pool" } } });
  const commandLine = `sh -c "head -c ${fileBytes} /dev/zero > large; head -c ${fileBytes} /dev/zero > cut"`;
  await call("POST", "/jobs/job/tasks", { body: { id: "task", commandLine } });
  await until(
    () => batchClient(service).task.get("job", "task"),
    ({ executionInfo }) => executionInfo?.result === "success",
    60,
  );
}, 120_000);
afterAll(() => service[Symbol.asyncDispose]());

const descriptors = () => readdirSync("/proc/self/fd").length;

describe("the server lets go of a connection", () => {
  const token = (...lines: readonly string[]) => head("POST /adfs/oauth2/token", ...lines);
  const ways: readonly (readonly [string, string])[] = [
    ["that says nothing", ""],
    ["that says half a head", "GET /pools HTTP/1.1\r\nhost: localh"],
    ["whose body stops coming", `${token("content-length: 100")}half`],
    ["whose refused body stops coming", `${head("POST /jobs", "content-length: 100")}half`],
    ["on which no request follows", head("GET /livez")],
    ["whose upgrade it refuses", head("GET /agent/link", "connection: upgrade", "upgrade: websocket")],
    ["whose upgrade nobody knows", head("GET /", "connection: upgrade", "upgrade: h2c")],
    ["that is no HTTP", "\0\0\0\0\r\n\r\n"],
  ];

  async function isLeft(url: string, message: string): Promise<void> {
    const before = descriptors();
    const sockets = await Promise.all(Array.from({ length: 50 }, () => rawSocket(url)));
    await Promise.all(
      sockets.map(async (socket) => {
        socket.write(message);
        // Its half is closed, or all of it without a word.
        await Promise.race([once(socket.resume(), "end"), once(socket, "close")]);
      }),
    );
    // Both ends are in this process: those of the clients may stay open, those of the server must go.
    const ours = () => sockets.filter((socket) => !socket.destroyed).length;
    await until(
      async () => descriptors() - before - ours(),
      (left) => left < 10,
    );
    for (const socket of sockets) socket.destroy();
  }

  test.each(ways)("%s, though the client never closes its half", (_, message) => isLeft(service.url, message));

  test("that never comes to speak TLS", () => isLeft(service.https.url, ""));
});

/** A connection on which a download has begun and nothing more is read. */
async function download(file: string): Promise<Socket> {
  const socket = await rawSocket(service.url);
  const path = `/jobs/job/tasks/task/files/wd%2F${file}?api-version=2024-07-01.20.0`;
  socket.write(head(`GET ${path}`, `authorization: Bearer ${await batchToken()}`));
  await once(socket, "readable");
  return socket;
}

async function batchToken(): Promise<string> {
  const principal = { name: String(Math.random()), role: "owner", accountName: null } as const;
  const { clientId = "", secret = "" } = (await addServicePrincipal(service.database, principal, new Date())) ?? {};
  const form = { grant_type: "client_credentials", client_id: clientId, client_secret: secret };
  const body = new URLSearchParams({ ...form, resource: "https://batch.core.windows.net/" });
  const response = await fetch(`${service.url}/adfs/oauth2/token`, { method: "POST", body });
  return Object(await response.json()).access_token;
}

/** Reads to the end, with a pause after each `pauseBytes`. */
async function received(socket: Socket, pauseBytes: number): Promise<number> {
  let bytes = 0;
  let due = pauseBytes;
  for await (const chunk of socket) {
    bytes += chunk.length;
    if (bytes >= fileBytes) break;
    if (bytes < due) continue;
    due += pauseBytes;
    await systemClock.sleep(idleSeconds * 250);
  }
  return bytes;
}

describe("a stream", () => {
  test("may take as long as it takes to its client, as long as it goes on", async () => {
    const begun = performance.now();
    const socket = await download("large");
    expect(await received(socket, 4 * 1024 * 1024)).toBeGreaterThanOrEqual(fileBytes);
    expect(performance.now() - begun).toBeGreaterThan(2 * idleSeconds * 1000);
  }, 60_000);

  test("ends when its client stops reading", async () => {
    const before = descriptors();
    const socket = await download("large");
    await until(
      async () => descriptors() - before,
      (more) => more <= 1,
    );
    socket.destroy();
  });

  test("ends at once when its file is cut, and its client sees that it is not whole", async () => {
    const socket = await download("cut");
    const nodeId = readdirSync(service.nodesDirectory).find((name) => !name.startsWith(".")) ?? "";
    await truncate(join(service.nodesDirectory, nodeId, "root/workitems/job/job-1/task/wd/cut"), 1024);
    const begun = performance.now();
    const bytes = await received(socket, fileBytes).catch(() => 0);
    expect(bytes).toBeLessThan(fileBytes);
    expect(performance.now() - begun).toBeLessThan(idleSeconds * 1000);
  });

  test("of an upload may take as long as it takes, and ends when its client stops sending", async () => {
    const container = await storageContainer(service, "slow");
    const { pathname, search } = new URL(container.urlOf("blob"));
    const path = `/uploads/${service.storage.accountName}${pathname}${search}`;
    const begin = () => {
      const headers = { "x-ms-blob-type": "BlockBlob", "content-length": 12 };
      return httpRequest(service.url + path, { method: "PUT", headers });
    };
    const whole = begin();
    const answered = once(whole, "response");
    for (let n = 0; n < 12; n++) {
      whole.write("a");
      await systemClock.sleep(idleSeconds * 250);
    }
    whole.end();
    const [response] = await answered;
    expect(response.statusCode).toBe(201);
    const stopped = begin();
    stopped.write("a");
    const [cause] = await once(stopped, "error");
    expect(cause).toMatchObject({ code: "ECONNRESET" });
  }, 60_000);
});
