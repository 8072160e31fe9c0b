import type { Readable } from "node:stream";
import { type Clock, createLog, systemClock } from "@kyanite/runtime";
import type { Database } from "@kyanite/service";
import { type TemporaryDatabase, temporaryDatabase, until } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cursorAfterRow } from "../../src/domain/event/cursor.ts";
import { Feed } from "../../src/http/events/feed.ts";
import { eventStream } from "../../src/http/events/stream.ts";
import { OpenStreams } from "../../src/http/open-streams.ts";
import { giveEventPositions, readEventBounds } from "../../src/store/events.ts";

let temporary: TemporaryDatabase;
let database: Database;
let account: { readonly pk: number; readonly name: string };

beforeAll(async () => {
  temporary = await temporaryDatabase();
  database = temporary.database;
  const [made] = await database<{ pk: number }[]>`
    insert into account (name, keys, creation_time) values ('a', '{}', now()) returning pk`;
  account = { pk: made?.pk ?? 0, name: "a" };
});
afterAll(() => temporary[Symbol.asyncDispose]());

/** Makes events, of which each is so long that few fill what a connection holds. */
async function addJobs(prefix: string, count: number): Promise<void> {
  await database`
    insert into job (
      account_pk, key, id, last_modified, creation_time, state, state_transition_time, pool_key, pool_id, priority,
      max_parallel_tasks, uses_task_dependencies, on_all_tasks_complete, on_task_failure, start_time, spec
    ) select ${account.pk}, id, id, now(), now(), 'active', now(), 'p', 'p', 0, -1, false, 'noaction', 'noaction', now(), '{}'
    from (select ${prefix} || n || repeat('x', 50) as id from generate_series(1, ${count}) n) each`;
  while ((await giveEventPositions(database, 1_000)).count > 0);
}

/** A clock that stands still; its waits end when it is moved on by enough. */
function standingClock() {
  let elapsed = 0;
  const waits = new Set<{ readonly due: number; readonly wake: () => void }>();
  const clock: Clock = {
    ...systemClock,
    elapsed: () => elapsed,
    sleep: (milliseconds, signal) =>
      new Promise((resolve) => {
        const wait = { due: elapsed + milliseconds, wake: resolve };
        waits.add(wait);
        signal?.addEventListener("abort", () => resolve(), { once: true });
      }),
  };
  /** Resolves when whoever has waited waits again. */
  const advance = async (seconds: number) => {
    elapsed += seconds * 1_000;
    const before = waits.size;
    for (const wait of [...waits]) {
      if (wait.due > elapsed) continue;
      waits.delete(wait);
      wait.wake();
    }
    await until(
      async () => waits.size,
      (count) => count >= before,
    );
  };
  return { clock, advance };
}

async function follower(start: number) {
  const { clock, advance } = standingClock();
  const feed = new Feed({ database, clock, log: createLog("silent") });
  await feed.start();
  const streams = new OpenStreams(clock);
  const left = new AbortController();
  const open = streams.open({ signal: left.signal, isPermitted: async () => true });
  const stream = await eventStream(feed, open, {
    reader: { account, filter: {} },
    from: cursorAfterRow(start),
    clock,
  });
  return {
    stream,
    advance,
    [Symbol.asyncDispose]: async () => {
      stream.destroy();
      streams.stop();
      await feed.stop();
    },
  };
}

/** All that comes until the stream ends. */
async function read(stream: Readable): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += chunk;
  return text;
}

const countOf = (text: string) => text.match(/^event: job.created$/gm)?.length ?? 0;

test("who takes nothing for more than a minute is told so, and loses nothing: the cursor is where it was", async () => {
  const start = (await readEventBounds(database)).last;
  await addJobs("slow", 3_000);
  await using slow = await follower(start);
  // What a connection holds is full as soon as somebody asks for the first piece.
  await until(
    async () => slow.stream.read(1),
    (piece) => piece !== null,
  );
  for (let n = 0; n < 6; n++) await slow.advance(15);
  const text = await read(slow.stream);
  expect(text).toMatch(/event: end\ndata: {"reason":"slow"}\n\n$/);
  const received = countOf(text);
  expect(received).toBeLessThan(3_000);
  const last = /\nid: (\d+)\nevent: end/.exec(text)?.[1];
  await using again = await follower(Number(last));
  let rest = "";
  again.stream.on("data", (chunk) => {
    rest += chunk;
  });
  await until(
    async () => countOf(rest),
    (count) => count === 3_000 - received,
  );
});

test("who falls behind what is kept is told so, instead of having events missing", async () => {
  const start = (await readEventBounds(database)).last;
  await addJobs("lost", 3_000);
  await using behind = await follower(start);
  await until(
    async () => behind.stream.read(1),
    (piece) => piece !== null,
  );
  await database`truncate event`;
  expect(await read(behind.stream)).toMatch(/event: end\ndata: {"reason":"cursorTooOld"}\n\n$/);
});
