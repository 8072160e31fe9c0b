import { createLog } from "@kyanite/runtime";
import { type TemporaryDatabase, temporaryDatabase } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { after } from "../../src/domain/time.ts";
import { followClock } from "../../src/loops/follow-clock.ts";
import { watchNodes } from "../../src/loops/watch-nodes.ts";
import { readDuePools } from "../../src/store/auto-scale.ts";
import { readJobsToCheck } from "../../src/store/jobs.ts";
import { beginSampling, insertPoolSamples } from "../../src/store/samples.ts";
import { addAccount } from "../builders.ts";

const at = new Date("2026-01-01T12:00:00Z");
const ahead = after(at, 6 * 3600);
const log = createLog("silent");
let temporary: TemporaryDatabase;

/** All that was noted when the clock was six hours ahead. */
beforeAll(async () => {
  temporary = await temporaryDatabase();
  const { database } = temporary;
  const { pk } = await addAccount(database);
  await database`
    insert into pool (
      account_pk, key, id, last_modified, creation_time, state, state_transition_time, allocation_state,
      allocation_state_transition_time, vm_size, enable_auto_scale, enable_inter_node_communication,
      target_dedicated_nodes, target_low_priority_nodes, task_slots_per_node, spec, resize_timeout_seconds
    ) values (${pk}, 'p', 'p', ${ahead}, ${ahead}, 'active', ${ahead}, 'steady', ${ahead}, 'x', true, false, 0, 0, 4,
      '{"autoScaleEvaluationInterval": "PT5M"}', 0)`;
  await database`
    insert into node (pool_pk, id, state, state_transition_time, is_dedicated, allocation_time, slots, last_seen)
    select pk, 'n', 'idle', ${ahead}, true, ${ahead}, 4, ${ahead} from pool`;
  await database`
    insert into job (
      account_pk, key, id, last_modified, creation_time, state, state_transition_time, pool_key, pool_id, priority,
      max_parallel_tasks, uses_task_dependencies, on_all_tasks_complete, on_task_failure, start_time, spec,
      completion_check_time
    ) values (${pk}, 'j', 'j', ${ahead}, ${ahead}, 'active', ${ahead}, 'p', 'p', 0, -1, false, 'terminatejob', 'noaction',
      ${ahead}, '{}', ${after(ahead, 5)})`;
  await database`insert into auto_scale (pool_pk, due_time) select pk, ${after(ahead, 300)} from pool`;
  await beginSampling(database, ahead);
  await insertPoolSamples(database, { at: ahead, periodSeconds: 30 });
});
afterAll(() => temporary[Symbol.asyncDispose]());

const stateOfNode = async () => {
  const [node] = await temporary.database<{ state: string }[]>`select state from node`;
  return node?.state;
};

test("what was noted before the clock was set back keeps nothing waiting", async () => {
  const { database } = temporary;
  const watch = watchNodes(database, 30, log);
  const follow = followClock(database, log);
  await watch.round(ahead);
  await follow.round(ahead);
  expect([await readJobsToCheck(database, at), await readDuePools(database, at, 10)]).toEqual([[], []]);

  await watch.round(at);
  await follow.round(at);
  expect(await readJobsToCheck(database, at)).toHaveLength(1);
  expect(await readDuePools(database, at, 10)).toHaveLength(1);
  expect(await beginSampling(database, after(at, 30))).toBe(true);
  await insertPoolSamples(database, { at: after(at, 30), periodSeconds: 30 });
  const samples = await database<{ at: Date }[]>`select at from pool_sample`;
  expect(samples.map((sample) => sample.at)).toEqual([after(at, 30)]);
});

test("a node is given up when it was silent since the clock was set back, and not before", async () => {
  const { database } = temporary;
  const watch = watchNodes(database, 30, log);
  for (let second = 0; second <= 30; second += 5) {
    expect(await stateOfNode()).toBe("idle");
    await watch.round(after(at, second));
  }
  await watch.round(after(at, 31));
  expect(await stateOfNode()).toBe("unknown");
});

test("a webhook that was put off before the clock was set back waits for an hour at most", async () => {
  const { database } = temporary;
  const put = async (id: string, nextAttemptTime: Date) => {
    await database`
      insert into webhook (
        account_pk, key, id, creation_time, last_modified, url, filter, secret, batch_size, maximum_attempts, state,
        position, next_attempt_time
      ) select pk, ${id}, ${id}, ${at}, ${at}, '', '{}', '', 1, 1, 'enabled', 0, ${nextAttemptTime} from account`;
  };
  await put("far", ahead);
  await put("near", after(at, 3_600));
  await followClock(database, log).round(at);
  const webhooks = await database<{ nextAttemptTime: Date }[]>`select next_attempt_time from webhook order by id`;
  expect(webhooks.map(({ nextAttemptTime }) => nextAttemptTime)).toEqual([at, after(at, 3_600)]);
});

test("times that are a little ahead are another server's, and stay", async () => {
  const { database } = temporary;
  const little = after(at, 20);
  await database`update node set last_seen = ${little}`;
  await followClock(database, log).round(at);
  const [node] = await database<{ lastSeen: Date }[]>`select last_seen from node`;
  expect(node?.lastSeen).toEqual(little);
});
