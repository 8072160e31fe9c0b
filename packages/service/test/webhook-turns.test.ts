import { aborted, createLog, systemClock } from "@kyanite/runtime";
import { temporaryDatabase, until } from "@kyanite/testkit";
import { expect, test } from "vitest";
import { sendWebhooks } from "../src/loops/send-webhooks.ts";
import { giveEventPositions } from "../src/store/events.ts";

test("however many receivers of an account do not answer, those of other accounts are sent their events", async () => {
  await using temporary = await temporaryDatabase();
  const { database } = temporary;
  for (const [name, webhooks] of [
    ["slow", 100],
    ["other", 1],
  ] as const) {
    await database`insert into account (name, keys, creation_time) values (${name}, '{}', now())`;
    await database`
      insert into webhook (account_pk, key, id, creation_time, last_modified, url, filter, secret, batch_size,
        maximum_attempts, state, position)
      select pk, 'w' || n, 'w' || n, now(), now(), ${`https://${name}.example/`}, '{}', 'whsec_', 1, 10, 'enabled', 0
      from account, generate_series(1, ${webhooks}::integer) n where name = ${name}`;
    await database`
      insert into job (
        account_pk, key, id, last_modified, creation_time, state, state_transition_time, pool_key, pool_id, priority,
        max_parallel_tasks, uses_task_dependencies, on_all_tasks_complete, on_task_failure, start_time, spec
      ) select pk, 'j', 'j', now(), now(), 'active', now(), 'p', 'p', 0, -1, false, 'noaction', 'noaction', now(), '{}'
      from account where name = ${name}`;
  }
  await giveEventPositions(database, 100);
  const asked: string[] = [];
  const loop = sendWebhooks({
    database,
    serviceUrl: "https://service.example",
    clock: systemClock,
    random: () => 0.5,
    log: createLog("silent"),
    send: ({ url }, _, signal) => {
      asked.push(url);
      if (url.includes("other")) return Promise.resolve({ kind: "answered", status: 200 });
      return aborted(signal).then(() => ({ kind: "unanswered", reason: "stopped" }));
    },
  });
  await loop.round(new Date());
  await until(
    async () => asked,
    (urls) => urls.some((url) => url.includes("other")),
  );
  expect(asked.filter((url) => url.includes("slow")).length).toBe(16);
  await loop.stop?.();
});
