import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { systemClock } from "@kyanite/runtime";
import { type Receiver, webhookReceiver } from "@kyanite/testkit";
import { expect, test } from "vitest";
import { parseNetworks } from "../src/events/networks.ts";
import { webhookSender } from "../src/events/send-webhook.ts";
import { newSecret } from "../src/events/signature.ts";
import { collectGarbage } from "./garbage.ts";
import { type NameServer, nameServer } from "./name-server.ts";

const message = { id: "1-0", contentType: "application/json", body: "{}" };
const never = new AbortController().signal;

function send(url: string, networks: string, timeoutSeconds?: number, names?: NameServer) {
  const parsed = parseNetworks(networks);
  if (!parsed) throw new Error(networks);
  const sender = webhookSender({
    networks: parsed,
    clock: systemClock,
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    ...(names ? { nameServers: [names.address] } : {}),
  });
  return sender({ url, secret: newSecret() }, message, never);
}

const named = ({ url }: Receiver, host: string) => url.replace("127.0.0.1", host);

test("a name is followed to an address that is permitted", async () => {
  await using receiver = await webhookReceiver();
  expect(await send(named(receiver, "localhost"), "127.0.0.0/8")).toEqual({ kind: "answered", status: 204 });
  expect(receiver.received).toHaveLength(1);
});

test.each([
  ["localhost", "a name of such an address"],
  ["127.0.0.1", "such an address"],
  ["2130706433", "such an address as a number"],
  ["0x7f.1", "such an address in other digits"],
  ["[::ffff:127.0.0.1]", "such an address in the form of IPv6"],
])("nothing is sent to http://%s/, %s", async (host) => {
  await using receiver = await webhookReceiver();
  const attempt = await send(named(receiver, host), "public 10.0.0.0/8");
  expect(attempt).toMatchObject({ kind: "unanswered", reason: expect.stringContaining("webhook-networks") });
  expect(receiver.received).toEqual([]);
});

test("of the addresses of a name those are left out that are forbidden", async () => {
  await using receiver = await webhookReceiver();
  await using names = await nameServer({ "two.test": ["127.0.0.2", "127.0.0.1"] });
  const sent = (networks: string) => send(named(receiver, "two.test"), networks, undefined, names);
  expect(await sent("127.0.0.1")).toEqual({ kind: "answered", status: 204 });
  expect(await sent("10.0.0.0/8")).toEqual({
    kind: "unanswered",
    reason: "The setting webhook-networks does not permit requests to two.test without encryption",
  });
});

test("a name that its server gives now one address and now another leads nowhere else", async () => {
  await using receiver = await webhookReceiver();
  const known = { "turning.test": ["127.0.0.1"] };
  await using names = await nameServer(known);
  const sent = () => send(named(receiver, "turning.test"), "127.0.0.1", undefined, names);
  expect(await sent()).toMatchObject({ kind: "answered" });
  known["turning.test"] = ["127.0.0.2"];
  expect(await sent()).toMatchObject({ reason: expect.stringContaining("webhook-networks") });
});

test("names whose servers are silent hold up no others", async () => {
  await using receiver = await webhookReceiver();
  await using names = await nameServer({ "known.test": ["127.0.0.1"] });
  const silent = Array.from({ length: 8 }, (_, index) => send(`http://silent-${index}.test/`, "all", undefined, names));
  expect(await send(named(receiver, "known.test"), "all", undefined, names)).toMatchObject({ status: 204 });
  for (const attempt of await Promise.all(silent)) expect(attempt).toMatchObject({ kind: "unanswered" });
});

test("nothing is sent by https to a name of a forbidden address either", async () => {
  await using receiver = await webhookReceiver();
  const attempt = await send(`https://localhost:${receiver.port}/`, "public");
  expect(attempt).toMatchObject({ reason: "The setting webhook-networks does not permit requests to localhost" });
});

test("a receiver that does not answer is given up", async () => {
  await using receiver = await webhookReceiver();
  receiver.answer = () => {};
  expect(await send(receiver.url, "all", 0.2)).toEqual({ kind: "unanswered", reason: "No answer within 0.2 seconds" });
});

test("an answer counts when its head is there, however long its body", async () => {
  await using receiver = await webhookReceiver();
  const closed: Promise<unknown>[] = [];
  receiver.answer = (response) => {
    closed.push(once(response, "close"));
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(16_384)));
    };
    response
      .writeHead(200)
      .on("drain", more)
      .on("error", () => {});
    more();
  };
  expect(await send(receiver.url, "all")).toEqual({ kind: "answered", status: 200 });
  await Promise.all(closed);
});

/** Sends a request to what answers with these bytes; when that is over the connection is, too. */
async function sendRaw(answer: (socket: Socket) => void, timeoutSeconds?: number) {
  const closed: Promise<unknown>[] = [];
  const server = createServer((socket) => {
    closed.push(once(socket, "close"));
    socket.on("error", () => {}).once("data", () => answer(socket));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  const attempt = await send(`http://127.0.0.1:${port}/`, "all", timeoutSeconds);
  collectGarbage();
  await Promise.all(closed);
  server.close();
  return attempt;
}

test("an answer that never ends counts, and its connection is closed", async () => {
  const attempt = await sendRaw((socket) => void socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n1"), 0.2);
  expect(attempt).toEqual({ kind: "answered", status: 200 });
});

test("a receiver that changes the protocol has answered", async () => {
  const attempt = await sendRaw(
    (socket) => void socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"),
  );
  expect(attempt).toEqual({ kind: "answered", status: 101 });
});

test("a receiver that promises its answer again and again is given up", async () => {
  const promise = "HTTP/1.1 103 Early Hints\r\n\r\n";
  const attempt = await sendRaw((socket) => void socket.write(promise.repeat(1_000)));
  expect(attempt).toEqual({ kind: "unanswered", reason: "The receiver did not come to its answer" });
});

test("a few interim answers come before one", async () => {
  const interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n";
  expect(await sendRaw((socket) => void socket.end(`${interim}HTTP/1.1 204 No Content\r\n\r\n`))).toEqual({
    kind: "answered",
    status: 204,
  });
});

test("what is no HTTP is a failure like others", async () => {
  const server = createServer((socket) => socket.on("error", () => {}).end("no HTTP\r\n\r\n"));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  expect(await send(`http://127.0.0.1:${port}/`, "all")).toMatchObject({ kind: "unanswered" });
  server.close();
});

test("a receiver says in seconds when it is ready again", async () => {
  await using receiver = await webhookReceiver();
  receiver.answer = (response) => void response.writeHead(503, { "retry-after": "120" }).end();
  expect(await send(receiver.url, "all")).toEqual({ kind: "answered", status: 503, retryAfterSeconds: 120 });
});
