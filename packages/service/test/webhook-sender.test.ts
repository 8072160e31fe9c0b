import { once } from "node:events";
import { createServer } from "node:net";
import { systemClock } from "@kyanite/runtime";
import { type Receiver, webhookReceiver } from "@kyanite/testkit";
import { expect, test } from "vitest";
import { parseNetworks } from "../src/events/networks.ts";
import { webhookSender } from "../src/events/send-webhook.ts";
import { newSecret } from "../src/events/signature.ts";

const message = { id: "1-0", contentType: "application/json", body: "{}" };
const never = new AbortController().signal;

function send(url: string, networks: string, timeoutSeconds?: number) {
  const parsed = parseNetworks(networks);
  if (!parsed) throw new Error(networks);
  const sender = webhookSender({
    networks: parsed,
    clock: systemClock,
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
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
