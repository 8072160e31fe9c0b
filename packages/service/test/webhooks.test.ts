import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import type { AddedWebhook, DeadLetter, FeedEvent, Webhook, WebhookTestResult } from "@kyanite/contract";
import {
  type MovableClock,
  movableClock,
  type RawAnswer,
  type RawClient,
  type Receiver,
  type RunningService,
  rawClient,
  runningService,
  status,
  until,
  webhookReceiver,
} from "@kyanite/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

let clock: MovableClock;
let service: RunningService;
let call: RawClient;
beforeAll(async () => {
  clock = movableClock();
  service = await runningService({ clock, settings: { webhookNetworks: "public 127.0.0.0/8" } });
  call = rawClient(service);
});
afterAll(() => service[Symbol.asyncDispose]());

let count = 0;
let jobId: string;
let id: string;
beforeEach(() => {
  count++;
  jobId = `job${count}`;
  id = `hook${count}`;
});

afterEach(() => call("DELETE", `${root}/${id}`));

async function ok(answering: Promise<RawAnswer>) {
  const { status: code, text } = await answering;
  if (code >= 300) throw new Error(`${code} ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}

const root = "/kyanite/webhooks";
/** A webhook for one kind of the jobs of a test. */
const add = (receiver: Receiver, more: object = {}): Promise<AddedWebhook> =>
  ok(call("POST", root, { body: { id, url: receiver.url, filter: { kind: "job.created" }, ...more } }));
const get = (): Promise<Webhook> => ok(call("GET", `${root}/${id}`));
const letters = async (): Promise<DeadLetter[]> => (await ok(call("GET", `${root}/${id}/deadletters`))).value;
const addJob = (name = jobId) => ok(call("POST", "/jobs", { body: { id: name, poolInfo: { poolId: "none" } } }));
const addJobs = async (names: readonly string[]) => {
  for (const name of names) await addJob(`${jobId}-${name}`);
};
const jobOf = (event: { readonly data: FeedEvent }) => event.data.resource.jobId?.replace(/.*-/, "");
const jobsIn = ({ received }: Receiver) => received.map(({ body }) => jobOf(JSON.parse(body.toString())));
const receives = (receiver: Receiver, least: number) =>
  until(
    async () => receiver.received.length,
    (n) => n >= least,
  );

describe("what is sent", () => {
  test("is an event in the form of CloudEvents, as the feed shows it", async () => {
    await using receiver = await webhookReceiver();
    await add(receiver);
    await addJob();
    await receives(receiver, 1);
    const [{ headers, body }] = receiver.received as [(typeof receiver.received)[0]];
    const event = JSON.parse(body.toString());
    expect(headers["content-type"]).toBe("application/cloudevents+json; charset=utf-8");
    expect(event).toEqual({
      specversion: "1.0",
      id: event.data.id,
      source: "/accounts/test",
      type: "kyanite.job.created",
      subject: `/jobs/${jobId}`,
      time: event.data.time,
      datacontenttype: "application/json",
      data: expect.objectContaining({ kind: "job.created", account: "test" }),
    });
    const page = await ok(call("GET", "/kyanite/events", { query: { jobId, kind: "job.created" } }));
    expect(page.value).toEqual([event.data]);
    expect(headers["webhook-id"]).toBe(event.id);
    const shown = await until(get, ({ deliveredCount }) => deliveredCount === "1");
    expect(shown).toMatchObject({ consecutiveFailures: 0, lastSuccessTime: expect.any(String), deadLetterCount: "0" });
  });

  test("is what the filter wants, in order, also over many requests", async () => {
    await using receiver = await webhookReceiver();
    await add(receiver);
    const names = Array.from({ length: 30 }, (_, index) => String(index));
    await addJobs(names);
    await receives(receiver, names.length);
    expect(jobsIn(receiver)).toEqual(names);
  });

  test("is a list where there is a size of batches, of one event also", async () => {
    await using receiver = await webhookReceiver();
    await add(receiver, { batchSize: 4, state: "disabled" });
    await addJobs(["a", "b", "c", "d", "e"]);
    await ok(call("PATCH", `${root}/${id}`, { body: { state: "enabled" } }));
    await receives(receiver, 2);
    const lists = receiver.received.map(({ body }) => JSON.parse(body.toString()).map(jobOf));
    expect(lists).toEqual([["a", "b", "c", "d"], ["e"]]);
    expect(receiver.received[0]?.headers).toMatchObject({
      "content-type": "application/cloudevents-batch+json; charset=utf-8",
      "webhook-id": expect.stringMatching(/^\d+-\d+_\d+-\d+$/),
    });
  });

  test("is the events of many tasks that were added by one statement", async () => {
    await using receiver = await webhookReceiver();
    await addJob();
    await add(receiver, { filter: { kind: "task.created", jobId } });
    const value = Array.from({ length: 25 }, (_, index) => ({ id: `t-${index}`, commandLine: "true" }));
    await ok(call("POST", `/jobs/${jobId}/addtaskcollection`, { body: { value } }));
    await receives(receiver, value.length);
    const tasks = receiver.received.map(({ body }) => JSON.parse(body.toString()).data.resource.taskId);
    expect(tasks.toSorted()).toEqual(value.map((task) => task.id).toSorted());
  });
});

describe("a signature", () => {
  const documented = readFileSync(new URL("../../../docs/webhooks.md", import.meta.url), "utf8");
  const example = (language: string) => new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "s").exec(documented)?.[1] ?? "";
  const run = promisify(execFile);

  /** What is written into the program is data of a test. */
  async function verify(language: "python" | "js", secret: string, headers: object, body: string): Promise<string> {
    const given = JSON.stringify({ secret, headers, body });
    if (language === "python") {
      const program = `${example("python")}
import json
given = json.loads(${JSON.stringify(given)})
print(is_genuine(given["secret"], given["headers"], given["body"].encode()))`;
      return (await run("python3", ["-c", program])).stdout.trim().toLowerCase();
    }
    const program = `${example("js")}
const { secret, headers, body } = ${given};
console.log(isGenuine(secret, headers, Buffer.from(body)));`;
    return (await run(process.execPath, ["--input-type=module", "-e", program])).stdout.trim();
  }

  test.each(["python", "js"] as const)(
    "is verified by the documented program in %s, and no other is",
    async (language) => {
      await using receiver = await webhookReceiver();
      // The program looks at the real time.
      await using own = await runningService({ settings: { webhookNetworks: "127.0.0.1" } });
      const send = rawClient(own);
      const { signingSecret: secret = "" } = await ok(send("POST", root, { body: { id: "a", url: receiver.url } }));
      expect(secret).toMatch(/^whsec_/);
      await ok(send("POST", `${root}/a/test`));
      const [{ headers, body }] = receiver.received as [(typeof receiver.received)[0]];
      expect(await verify(language, secret, headers, body.toString())).toBe("true");
      expect(await verify(language, secret, headers, `${body} `)).toBe("false");
      expect(await verify(language, `whsec_${"A".repeat(32)}`, headers, body.toString())).toBe("false");
    },
  );

  test("is by the secret that was given last", async () => {
    await using receiver = await webhookReceiver();
    const secret = `whsec_${Buffer.alloc(24, "one").toString("base64")}`;
    expect(await add(receiver, { signingSecret: secret })).not.toHaveProperty("signingSecret");
    await ok(call("POST", `${root}/${id}/test`));
    const next = `whsec_${Buffer.alloc(64, "two").toString("base64")}`;
    await ok(call("PATCH", `${root}/${id}`, { body: { signingSecret: next } }));
    await ok(call("POST", `${root}/${id}/test`));
    const [one, two] = receiver.received as [(typeof receiver.received)[0], (typeof receiver.received)[0]];
    expect(one.headers["webhook-signature"]).not.toBe(two.headers["webhook-signature"]);
  });
});

describe("a receiver that does not take events", () => {
  test("is tried again, later and later, and nothing overtakes", async () => {
    await using receiver = await webhookReceiver();
    await add(receiver);
    receiver.answer = status(503);
    await addJobs(["a", "b"]);
    const waiting = await until(get, ({ attempts }) => attempts === 1);
    expect(waiting).toMatchObject({ lastFailure: "The receiver answered 503", deliveredCount: "0" });
    clock.advance(5);
    await until(get, ({ attempts }) => attempts === 2);
    receiver.answer = status(204);
    clock.advance(10);
    await receives(receiver, 4);
    expect(jobsIn(receiver)).toEqual(["a", "a", "a", "b"]);
    expect(new Set(receiver.received.slice(0, 3).map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    await until(get, ({ attempts, deliveredCount }) => attempts === 0 && deliveredCount === "2");
  });

  test("leaves dead letters, which are sent again when somebody says so", async () => {
    await using receiver = await webhookReceiver();
    await add(receiver, { maximumAttempts: 1 });
    receiver.answer = status(400);
    await addJobs(["a", "b", "c"]);
    const dead = await until(letters, ({ length }) => length === 3);
    expect(dead[0]).toEqual({
      number: expect.any(String),
      event: expect.objectContaining({ kind: "job.created" }),
      attempts: 1,
      lastAttemptTime: expect.any(String),
      error: "The receiver answered 400",
      isDue: false,
    });
    const all = `${root}/${id}/deadletters`;
    await ok(call("POST", `${all}/redeliver`));
    const kept = await until(letters, ([first, ...rest]) => first?.attempts === 2 && rest.every((each) => !each.isDue));
    expect(kept.map(({ attempts }) => attempts)).toEqual([2, 1, 1]);
    receiver.answer = status(200);
    await ok(call("POST", `${all}/${dead[1]?.number}/redeliver`));
    await until(letters, ({ length }) => length === 2);
    expect(await get()).toMatchObject({ deliveredCount: "1", deadLetterCount: "2" });
    await ok(call("POST", `${all}/redeliver`));
    await until(letters, ({ length }) => length === 0);
    expect(jobsIn(receiver)).toEqual(["a", "b", "c", "a", "b", "a", "c"]);
    expect(await call("POST", `${all}/${dead[1]?.number}/redeliver`)).toMatchObject({
      status: 404,
      json: { code: "DeadLetterNotFound" },
    });
  });

  test("has its dead letters listed page by page", async () => {
    await using receiver = await webhookReceiver();
    await add(receiver, { maximumAttempts: 1, batchSize: 10, state: "disabled" });
    receiver.answer = status(500);
    await addJobs(["a", "b", "c"]);
    await ok(call("PATCH", `${root}/${id}`, { body: { state: "enabled" } }));
    await until(letters, ({ length }) => length === 3);
    const first = await ok(call("GET", `${root}/${id}/deadletters`, { query: { maxresults: 2 } }));
    const link = new URL(first["odata.nextLink"]);
    const second = await ok(call("GET", link.pathname + link.search, { version: null }));
    const events = [...first.value, ...second.value].map(({ event }) => jobOf({ data: event }));
    expect(events).toEqual(["a", "b", "c"]);
  });

  test("is sent nothing more when it answers 410", async () => {
    await using receiver = await webhookReceiver();
    await add(receiver);
    receiver.answer = status(410);
    await addJobs(["a", "b"]);
    const gone = await until(get, ({ state }) => state === "disabled");
    expect(gone.stateReason).toBe("The receiver answered 410");
    receiver.answer = status(204);
    await ok(call("PATCH", `${root}/${id}`, { body: { state: "enabled" } }));
    await receives(receiver, 3);
    expect(jobsIn(receiver)).toEqual(["a", "a", "b"]);
    expect(await get()).not.toHaveProperty("stateReason");
  });

  test("holds up no other one when it hangs", async () => {
    await using receiver = await webhookReceiver();
    await using hanging = await webhookReceiver();
    hanging.answer = () => {};
    await add(receiver);
    await ok(call("POST", root, { body: { id: `${id}-hanging`, url: hanging.url, filter: { kind: "job.created" } } }));
    await addJobs(["a"]);
    await receives(hanging, 1);
    await addJobs(["b", "c"]);
    await receives(receiver, 3);
    expect(hanging.received).toHaveLength(1);
    await ok(call("DELETE", `${root}/${id}-hanging`));
  });
});

test("what is no longer kept when its turn comes is counted as missed", async () => {
  await using receiver = await webhookReceiver();
  await add(receiver, { state: "disabled" });
  await addJobs(["lost"]);
  const { end } = await eventEnd();
  await service.database`delete from event where position <= ${end}`;
  await ok(call("PATCH", `${root}/${id}`, { body: { state: "enabled" } }));
  await addJobs(["kept"]);
  await receives(receiver, 1);
  expect(jobsIn(receiver)).toEqual(["kept"]);
  const { missedCount, lastMissedTime } = await get();
  expect(Number(missedCount)).toBeGreaterThan(0);
  expect(lastMissedTime).toEqual(expect.any(String));
});

async function eventEnd(): Promise<{ end: number }> {
  return until(
    async () => {
      const [row] = await service.database<{ end: number; rest: number }[]>`
        select position as end, (select count(*) from event where position is null) as rest from event_counter`;
      return row ?? { end: 0, rest: 1 };
    },
    ({ rest }) => rest === 0,
  );
}

describe("the test of a webhook", () => {
  const tried = (): Promise<WebhookTestResult> => ok(call("POST", `${root}/${id}/test`));

  test("sends an event and says what the receiver answered", async () => {
    await using receiver = await webhookReceiver();
    await add(receiver, { state: "disabled" });
    expect(await tried()).toEqual({ isSuccess: true, status: 204, durationMilliseconds: expect.any(Number) });
    expect(JSON.parse(String(receiver.received[0]?.body))).toMatchObject({
      type: "kyanite.webhook.test",
      subject: `/kyanite/webhooks/${id}`,
    });
    receiver.answer = status(500);
    expect(await tried()).toMatchObject({ isSuccess: false, status: 500, error: "The receiver answered 500" });
    expect(await get()).toMatchObject({ deliveredCount: "0", consecutiveFailures: 0 });
  });

  test("says why there was no answer", async () => {
    const receiver = await webhookReceiver();
    await add(receiver, { state: "disabled" });
    await receiver[Symbol.asyncDispose]();
    expect(await tried()).toMatchObject({ isSuccess: false, error: expect.stringContaining("ECONNREFUSED") });
  });

  test("does not follow a redirect", async () => {
    await using receiver = await webhookReceiver();
    await using other = await webhookReceiver();
    await add(receiver, { state: "disabled" });
    receiver.answer = status(302, { location: other.url });
    expect(await tried()).toMatchObject({
      status: 302,
      error: "The receiver answered 302; redirects are not followed",
    });
    expect(other.received).toEqual([]);
  });
});

describe("requests for webhooks", () => {
  const refused = async (body: object, code: string, reason?: RegExp) => {
    const answer = await call("POST", root, { body: { id, url: "https://example.com/", ...body } });
    expect(answer.json).toMatchObject({ code });
    if (reason) expect(answer.text).toMatch(reason);
  };

  test.each([
    ["no URL", /Expected a URL/],
    ["ftp://example.com/", /https/],
    ["https://user:secret@example.com/", /user/],
    ["https://example.com/#a", /fragment/],
    ["http://10.0.0.1/", /webhook-networks/],
    ["https://192.168.1.1/", /webhook-networks/],
    ["https://169.254.169.254/latest/meta-data", /webhook-networks/],
    ["https://[::1]/", /webhook-networks/],
    ["https://[::ffff:10.0.0.1]/", /webhook-networks/],
    ["https://0x0a000001/", /webhook-networks/],
  ])("the URL %s is refused", async (url, reason) => {
    await refused({ url }, "InvalidPropertyValue", reason);
  });

  test("what is wrong with a body is said by property", async () => {
    await refused({ filter: { kind: "no kind!" } }, "InvalidPropertyValue", /filter\.kind/);
    await refused({ signingSecret: "short" }, "InvalidPropertyValue", /signingSecret/);
    const { text } = await call("POST", root, {
      body: { id, url: "https://example.com/", signingSecret: "whsec_mine" },
    });
    expect(text).not.toContain("mine");
    await refused({ batchSize: 101 }, "InvalidPropertyValue", /batchSize/);
    await refused({ maximumAttempts: 0 }, "InvalidPropertyValue", /maximumAttempts/);
    await refused({ id: "a b" }, "InvalidPropertyValue", /id/);
  });

  test("add, list, show, change and delete one", async () => {
    const added = await ok(call("POST", root, { body: { id, url: "https://example.com/" } }));
    expect(added).toMatchObject({ id, filter: {}, batchSize: 1, maximumAttempts: 10, state: "enabled" });
    await refused({ id: id.toUpperCase() }, "WebhookExists");
    const patch = { filter: { poolId: "p" }, batchSize: 7, maximumAttempts: 3, url: "https://example.org/x" };
    expect(await ok(call("PATCH", `${root}/${id}`, { body: patch }))).toMatchObject(patch);
    const listed = await ok(call("GET", root));
    expect(listed.value.find((each: Webhook) => each.id === id)).toMatchObject(patch);
    expect(JSON.stringify([listed, await get()])).not.toContain("whsec_");
    expect(await call("DELETE", `${root}/${id}`)).toMatchObject({ status: 204 });
    for (const [method, path] of [
      ["GET", ""],
      ["DELETE", ""],
      ["POST", "/test"],
      ["GET", "/deadletters"],
      ["POST", "/deadletters/redeliver"],
    ] as const)
      expect(await call(method, `${root}/${id}${path}`)).toMatchObject({ json: { code: "WebhookNotFound" } });
  });

  test("are in the audit, without the secret", async () => {
    const secret = `whsec_${Buffer.alloc(24, "secret").toString("base64")}`;
    await ok(call("POST", root, { body: { id, url: "https://example.com/hidden", signingSecret: secret } }));
    const { value } = await ok(call("GET", "/kyanite/audit", { query: { operation: "Webhook_Add", maxresults: 5 } }));
    expect(value[0]).toMatchObject({ resource: `${root}/${id}`, status: 201 });
    expect(JSON.stringify(value)).not.toMatch(/whsec_|hidden/);
    await ok(call("DELETE", `${root}/${id}`));
  });

  test("are refused beyond a hundred webhooks", async () => {
    const { value } = await ok(call("GET", root));
    const names = Array.from({ length: 100 - value.length }, (_, index) => `many-${index}`);
    for (const name of names)
      await ok(call("POST", root, { body: { id: name, url: "https://example.com/", state: "disabled" } }));
    await refused({}, "WebhookQuotaReached");
    for (const name of names) await ok(call("DELETE", `${root}/${name}`));
  });
});
