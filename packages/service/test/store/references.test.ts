import { systemClock } from "@kyanite/runtime";
import { type TemporaryDatabase, temporaryDatabase, until } from "@kyanite/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Account } from "../../src/domain/account/account.ts";
import { requireAccount } from "../../src/lifecycle/account.ts";
import { advanceAccountDeletions } from "../../src/lifecycle/account-deletion.ts";
import { forgetNodes } from "../../src/lifecycle/pool-nodes.ts";
import { lockAccountToDelete, readAccount } from "../../src/store/accounts.ts";
import { removeFromNodes } from "../../src/store/applications.ts";
import { type Sql, transaction } from "../../src/store/database.ts";
import { insertDirectoryRemovals } from "../../src/store/nodes.ts";
import { insertNodeSamples, insertPoolSamples } from "../../src/store/samples.ts";
import { addAccount } from "../builders.ts";

const at = new Date("2026-01-01T12:00:00Z");
const sample = {
  at: at.toISOString(),
  cpuPercent: 1,
  memoryUsedBytes: 1,
  memoryTotalBytes: 1,
  diskFreeBytes: 1,
  diskReadBytes: 1,
  diskWriteBytes: 1,
  diskReadOperations: 1,
  diskWriteOperations: 1,
  networkInBytes: 1,
  networkOutBytes: 1,
};

let temporary: TemporaryDatabase;
let account: Account;

beforeEach(async () => {
  temporary = await temporaryDatabase();
  account = await addAccount(temporary.database);
});
afterEach(() => temporary[Symbol.asyncDispose]());

async function addPool(sql: Sql): Promise<number> {
  const [pool] = await sql<{ pk: number }[]>`
    insert into pool (
      account_pk, key, id, last_modified, creation_time, state, state_transition_time, allocation_state,
      allocation_state_transition_time, vm_size, enable_auto_scale, enable_inter_node_communication,
      target_dedicated_nodes, target_low_priority_nodes, task_slots_per_node, spec, resize_timeout_seconds
    ) values (${account.pk}, 'p', 'p', ${at}, ${at}, 'active', ${at}, 'steady', ${at}, 'x', true, false, 0, 0, 4, '{}', 0)
    returning pk`;
  return pool?.pk ?? 0;
}

async function addNode(sql: Sql): Promise<number> {
  const [node] = await sql<{ pk: number }[]>`
    insert into node (pool_pk, id, state, state_transition_time, is_dedicated, allocation_time, slots)
    values (${await addPool(sql)}, 'n', 'idle', ${at}, true, ${at}, 4) returning pk`;
  return node?.pk ?? 0;
}

/** Does `work` when `deletion` has been made and not committed, and commits when the work waits for it. */
async function whileDeleting<T>(deletion: (sql: Sql) => Promise<unknown>, work: () => Promise<T>): Promise<T> {
  const { database } = temporary;
  const made = new AbortController();
  const commit = new AbortController();
  const deleting = transaction(database, async (sql) => {
    await deletion(sql);
    made.abort();
    await systemClock.sleep(60_000, commit.signal);
  });
  await systemClock.sleep(60_000, made.signal);
  const waiting = () =>
    database`select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  const waited = until(waiting, (rows) => rows.length > 0).finally(() => commit.abort());
  const [result] = await Promise.all([work(), waited, deleting]);
  return result;
}

describe("what refers to a node that is being deleted leaves it out:", () => {
  const works: Record<string, (sql: Sql, nodePk: number) => Promise<unknown>> = {
    "the removal of a job's directory": (sql) => insertDirectoryRemovals(sql, ["n"], "workitems/j"),
    "the removal of a package": (sql) =>
      removeFromNodes(sql, account.pk, { directory: "applications/a", contentId: "c" }),
    "a sample of the node": (sql, nodePk) => insertNodeSamples(sql, [{ nodePk, sample }], at),
  };
  for (const [name, work] of Object.entries(works))
    test(name, async () => {
      const { database } = temporary;
      const pk = await addNode(database);
      await whileDeleting(
        (sql) => sql`delete from node where pk = ${pk}`,
        () => work(database, pk),
      );
      expect([...(await database`select from directory_removal union all select from node_sample`)]).toEqual([]);
    });
});

test("a pool that is being deleted gets no sample", async () => {
  const { database } = temporary;
  const pk = await addPool(database);
  await whileDeleting(
    (sql) => sql`delete from pool where pk = ${pk}`,
    () => insertPoolSamples(database, { at, periodSeconds: 30 }),
  );
  expect([...(await database`select from pool_sample`)]).toEqual([]);
});

test("a node is not deleted while something refers to it, and takes that with it", async () => {
  const { database } = temporary;
  const pk = await addNode(database);
  await whileDeleting(
    (sql) => insertDirectoryRemovals(sql, ["n"], "workitems/j"),
    () => forgetNodes(database, [pk], at),
  );
  expect([...(await database`select from node union all select from directory_removal`)]).toEqual([]);
});

test("what is to be added to an account that is being deleted is refused", async () => {
  const { database } = temporary;
  const adding = whileDeleting(
    async (sql) => {
      await lockAccountToDelete(sql, account);
      await sql`delete from account where pk = ${account.pk}`;
    },
    () => transaction(database, (sql) => requireAccount(sql, account)),
  );
  await expect(adding).rejects.toMatchObject({ code: "AccountIsDisabled" });
});

test("an account to which something is just being added is not deleted before that is", async () => {
  const { database } = temporary;
  await database`update account set state = 'deleting'`;
  await whileDeleting(
    async (sql) => {
      await requireAccount(sql, account);
      await addPool(sql);
    },
    () => advanceAccountDeletions(database, at),
  );
  expect(await readAccount(database, account.name)).toBeDefined();
  await advanceAccountDeletions(database, at);
  const [pool] = await database<{ state: string }[]>`select state from pool`;
  expect(pool?.state).toBe("deleting");
});
