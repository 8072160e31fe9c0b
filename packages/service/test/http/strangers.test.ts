import { once } from "node:events";
import type { Socket } from "node:net";
import { type RunningService, rawClient, runningService, until } from "@kyanite/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { head, rawSocket, say } from "../raw-socket.ts";

let service: RunningService;

beforeAll(async () => {
  service = await runningService({
    limits: { strangersBytes: 20_000, strangersSeconds: 60, connectionBytes: 18_000, discardSeconds: 2 },
  });
});
afterAll(() => service[Symbol.asyncDispose]());

const wrong = [
  `authorization: SharedKey test:${Buffer.alloc(32).toString("base64")}`,
  `ocp-date: ${new Date().toUTCString()}`,
] as const;

/** The answer's head, as soon as it is there. */
async function answered(socket: Socket): Promise<string> {
  const said: string[] = [];
  socket.on("data", (chunk) => said.push(String(chunk)));
  return until(
    async () => said.join(""),
    (text) => text.includes("\r\n\r\n") || socket.destroyed,
    100,
  );
}

const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);

describe("before it is known who asks", () => {
  test("a query of thousands of names costs no more than others", async () => {
    const names = Array.from({ length: 15_000 }, (_, n) => n.toString(36)).join("&");
    const begun = performance.now();
    const answer = await say(service.url, head(`GET /pools?${names}`, ...wrong, "connection: close"));
    expect(statusOf(answer)).toBe(400);
    expect(answer).toContain("RequestUrlFailedToParse");
    expect(performance.now() - begun).toBeLessThan(2_000);
  });

  test.each(["/subscriptions", "/subscriptions/s/providers/Microsoft.Batch/batchAccounts", "/openapi.json"])(
    "%s refuses such a query too",
    async (path) => {
      const target = `GET ${path}?api-version=2025-06-01${"&a".repeat(200)}`;
      const answer = await say(service.url, head(target, "authorization: Bearer x", "connection: close"));
      expect(statusOf(answer)).toBeLessThan(404);
      expect(statusOf(answer)).toBeGreaterThanOrEqual(400);
    },
  );

  test("no body is kept: 250 of 4 MB cost no memory, and each gets its answer", async () => {
    const body = Buffer.alloc(4 * 1024 * 1024, " ");
    const before = process.memoryUsage().arrayBuffers;
    const message = head("POST /jobs?api-version=2024-07-01.20.0", ...wrong, `content-length: ${body.length}`);
    const sockets = await Promise.all(Array.from({ length: 250 }, () => rawSocket(service.url)));
    for (const socket of sockets) {
      socket.write(message);
      socket.write(body);
    }
    const answers = await Promise.all(sockets.map(answered));
    const kept = process.memoryUsage().arrayBuffers - before;
    for (const socket of sockets) socket.destroy();
    expect(new Set(answers.map(statusOf))).toEqual(new Set([403]));
    expect(kept).toBeLessThan(100 * 1024 * 1024);
  }, 120_000);

  test("a client that waits to be asked for its body is not asked for it", async () => {
    const lines = [...wrong, "content-length: 100", "expect: 100-continue"];
    const socket = await rawSocket(service.url);
    socket.write(head("POST /jobs?api-version=2024-07-01.20.0", ...lines));
    expect(statusOf(await answered(socket))).toBe(403);
    socket.destroy();
  });

  test("a connection that goes on sending after its answer is closed", async () => {
    const socket = await rawSocket(service.url);
    socket.write(head("POST /jobs?api-version=2024-07-01.20.0", ...wrong, "content-length: 4000000"));
    expect(statusOf(await answered(socket))).toBe(403);
    await until(
      async () => socket.write(" ") || true,
      () => socket.destroyed || socket.readableEnded,
      10,
    );
    socket.destroy();
  });
});

describe("bodies that anybody may send", () => {
  const post = (...lines: readonly string[]) =>
    head("POST /adfs/oauth2/token", "content-type: application/x-www-form-urlencoded", ...lines);

  test("are asked for when the client waits for that", async () => {
    const socket = await rawSocket(service.url);
    socket.write(post("content-length: 1", "expect: 100-continue"));
    expect(await answered(socket)).toMatch(/^HTTP\/1\.1 100 Continue\r\n/);
    socket.end("a");
    await once(socket, "data");
    socket.destroy();
  });

  test("share a bounded memory, and who finds no room is told to come again", async () => {
    const holder = await rawSocket(service.url);
    holder.write(post("content-length: 16000"));
    const ask = () => say(service.url, `${post("content-length: 16000", "connection: close")}${"a".repeat(16_000)}`);
    const refused = await until(ask, (answer) => statusOf(answer) === 503);
    expect(refused).toMatch(/\r\nretry-after: \d/i);
    expect(refused).toContain("ServerBusy");
    const known = await rawClient(service)("POST", "/jobs", {
      version: "2024-07-01.20.0",
      body: { id: "x".repeat(65) },
    });
    expect(known.status).toBe(400);
    holder.destroy();
    await until(ask, (answer) => statusOf(answer) === 400);
  });

  test("are bounded each, whether they tell their length or not", async () => {
    const long = await say(service.url, post("content-length: 17000", "connection: close"));
    const chunk = `4000\r\n${"a".repeat(0x4000)}\r\n`;
    const chunked = await say(
      service.url,
      `${post("transfer-encoding: chunked", "connection: close")}${chunk}${chunk}`,
    );
    for (const answer of [long, chunked]) {
      expect(statusOf(answer)).toBe(413);
      expect(answer).toContain("RequestBodyTooLarge");
    }
  });
});

describe("whatever a request asks for", () => {
  const odd = [
    "//",
    "//host/pools",
    "/",
    "*",
    "http://other.example/pools",
    "http://",
    "/?",
    "/%",
    "/%zz",
    "/%00",
    "/a b",
  ];
  const authorizations = [[], wrong, ["authorization: Bearer x"], ["authorization: Basic =="]];

  test.each([
    ...odd,
    "/..",
    "/../..//",
    "?",
    "#",
    "/#",
    "/pools?%",
    "/accounts/",
    "/accounts//pools",
    "/uploads/x/y?sig=",
  ])("%s is no fault of ours", async (target) => {
    for (const method of ["GET", "POST", "OPTIONS", "HEAD", "DELETE"])
      for (const lines of authorizations) {
        const answer = await say(service.url, head(`${method} ${target}`, ...lines, "connection: close"));
        expect([target, method, answer]).toEqual([target, method, expect.stringMatching(/^HTTP\/1\.1 [2-4]\d\d /)]);
      }
  });

  test.each(["h2c", "websocket", "TLS/1.2"])(
    "an offer of %s is left unused, and the request answered",
    async (offer) => {
      const lines = [`upgrade: ${offer}`, "connection: upgrade, http2-settings", "http2-settings: AAMAAABk"];
      const socket = await rawSocket(service.url);
      socket.write(head("GET /livez", ...lines));
      expect(await answered(socket)).toMatch(/^HTTP\/1\.1 200 [\s\S]*ok\n$/);
      socket.write(`${head("POST /adfs/oauth2/token", ...lines, "content-length: 3")}a=b`);
      const [body] = await once(socket, "data");
      expect(String(body)).toMatch(/^HTTP\/1\.1 400 [\s\S]*grant/);
      socket.write(head("GET /livez", "connection: close"));
      expect(String(await once(socket, "data"))).toMatch(/^HTTP\/1\.1 200 /);
      socket.destroy();
    },
  );

  test.each(["", "/", "/pools", "/metrics", "/livez"])("of two hosts neither is believed: %s", async (target) => {
    const answer = await say(service.url, head(`GET ${target || "*"}`, "host: evil.example", "connection: close"));
    expect([target, statusOf(answer)]).toEqual([target, 400]);
    expect(answer).not.toContain("evil.example");
  });

  test("a host that is none is not repeated", async () => {
    const answer = await say(service.url, "GET /pools HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n");
    expect(statusOf(answer)).toBe(400);
    expect(answer).not.toContain("a b");
  });

  test("who speaks HTTP/1.0 need name no host", async () => {
    expect(statusOf(await say(service.url, "GET /livez HTTP/1.0\r\n\r\n"))).toBe(200);
  });

  test("nobody is connected through to elsewhere", async () => {
    expect(await say(service.url, head("CONNECT other.example:443", ...wrong))).not.toMatch(/^HTTP\/1\.1 2/);
  });

  test("of a thousand targets none is a fault of ours", async () => {
    const parts = fc.constantFrom(
      "/",
      "//",
      "%2F",
      "%",
      "?",
      "&",
      "=",
      ":",
      "..",
      "pools",
      "accounts",
      "adfs",
      "metrics",
    );
    const more = fc.constantFrom("subscriptions", "providers/Microsoft.Batch", "[", "]", "@", "http:", "é", ";", "\\");
    const targets = fc.array(fc.oneof(parts, more, fc.string({ maxLength: 3 })), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(targets, async (all) => {
        const target = `/${all.join("")}`.replaceAll(/\s/g, "");
        const answer = await say(service.url, head(`GET ${target}`, "connection: close"));
        expect([target, answer]).toEqual([target, expect.stringMatching(/^HTTP\/1\.1 [2-4]\d\d /)]);
      }),
      { numRuns: 1_000 },
    );
  }, 60_000);
});
