import { type TemporaryDatabase, temporaryDatabase } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Account } from "../../src/domain/account/account.ts";
import { after } from "../../src/domain/time.ts";
import {
  addPoolLoad,
  keepPoolLoad,
  readAccountLoad,
  readPoolLoads,
  sumUpNodeLives,
} from "../../src/store/pool-load.ts";
import { addAccount } from "../builders.ts";

const at = new Date("2026-01-01T12:00:00Z");
let temporary: TemporaryDatabase;
let account: Account;
const pks: Record<string, number> = {};

/** Two pools with a node each that says something, and lives of nodes that are gone. */
beforeAll(async () => {
  temporary = await temporaryDatabase();
  const { database } = temporary;
  account = await addAccount(database);
  for (const key of ["kept", "gone"]) {
    const [pool] = await database<{ pk: number }[]>`
      insert into pool (
        account_pk, key, id, last_modified, creation_time, state, state_transition_time, allocation_state,
        allocation_state_transition_time, vm_size, enable_auto_scale, enable_inter_node_communication,
        target_dedicated_nodes, target_low_priority_nodes, task_slots_per_node, spec, resize_timeout_seconds
      ) values (${account.pk}, ${key}, ${key}, ${at}, ${at}, 'active', ${at}, 'steady', ${at}, 'x', true, false, 0, 0, 4, '{}', 0)
      returning pk`;
    pks[key] = pool?.pk ?? 0;
    await database`
      insert into node (pool_pk, id, state, state_transition_time, is_dedicated, allocation_time, slots)
      values (${pks[key]}, ${key}, 'idle', ${at}, false, ${at}, 4)`;
    for (const [days, isDedicated] of [
      [0, true],
      [0, false],
      [400, true],
    ] as const)
      await database`
        insert into node_life (account_pk, pool_pk, pool_key, pool_id, vm_size, cores, is_dedicated, start_time, end_time)
        values (${account.pk}, ${pks[key]}, ${key}, ${key}, 'x', 2, ${isDedicated}, ${after(at, -days * 86_400 - 100)},
          ${after(at, -days * 86_400)})`;
  }
  const nodes = await database<{ pk: number }[]>`select pk from node`;
  const sample = { at: at.toISOString(), memoryTotalBytes: 9, diskFreeBytes: 1, diskTotalBytes: 4 };
  const used = { cpuPercent: 50, diskReadBytes: 1, diskWriteBytes: 2, diskReadOperations: 3, diskWriteOperations: 4 };
  await addPoolLoad(
    database,
    nodes.map(({ pk }) => ({
      nodePk: pk,
      sample: { ...sample, ...used, memoryUsedBytes: 10 * pk, networkInBytes: 5, networkOutBytes: 6 },
    })),
  );
});
afterAll(() => temporary[Symbol.asyncDispose]());

test("what an account and a pool have had stays the same when lives are summed up and pools deleted", async () => {
  const { database } = temporary;
  const kept = pks.kept ?? 0;
  const ofAccount = await readAccountLoad(database, account, at);
  const ofPool = await readPoolLoads(database, [{ pk: kept }], at);
  expect([ofAccount.load.dedicatedCoreSeconds, ofPool.get(kept)?.dedicatedCoreSeconds]).toEqual([800, 400]);

  await database`delete from node where pool_pk = ${pks.gone ?? 0}`;
  await keepPoolLoad(database, pks.gone ?? 0);
  await database`delete from pool where pk = ${pks.gone ?? 0}`;
  for (let round = 0; round < 2; round++) await sumUpNodeLives(database, after(at, -366 * 86_400));

  expect(await readAccountLoad(database, account, at)).toEqual(ofAccount);
  expect(await readPoolLoads(database, [{ pk: kept }], at)).toEqual(ofPool);
  const rows = await database<{ poolPk: number }[]>`select pool_pk from pool_load order by pool_pk`;
  expect(rows.map(({ poolPk }) => poolPk)).toEqual([-account.pk, kept]);
  expect(await database`select from node_life`).toHaveLength(4);
});
