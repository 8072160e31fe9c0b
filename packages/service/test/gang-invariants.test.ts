import type { RunExit, TaskAddParameter } from "@kyanite/contract";
import { aPool, type TemporaryDatabase, temporaryDatabase } from "@kyanite/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Account } from "../src/domain/account/account.ts";
import { newJob } from "../src/domain/job/new-job.ts";
import { newPool } from "../src/domain/pool/new-pool.ts";
import { afterDisable, afterNodeLoss } from "../src/domain/task/task.ts";
import { recordCoordination } from "../src/lifecycle/gang.ts";
import { placeTasks } from "../src/lifecycle/placement.ts";
import { finishRuns } from "../src/lifecycle/run.ts";
import { addTasks, reactivateTask, removeTask, takeFromNodes, terminateTask } from "../src/lifecycle/task.ts";
import { plan } from "../src/scheduler/plan.ts";
import { type Sql, transaction } from "../src/store/database.ts";
import { insertJob, lockJobByPk } from "../src/store/jobs.ts";
import { insertNodes } from "../src/store/node-provision.ts";
import { insertPool, readPoolByPk } from "../src/store/pools.ts";
import { readRuns, readWantedRuns } from "../src/store/runs.ts";
import { readSnapshot } from "../src/store/snapshot.ts";
import { lockTask, lockTasksOnNodes } from "../src/store/tasks.ts";
import { addAccount } from "./builders.ts";

let temporary: TemporaryDatabase;
let account: Account;
const start = new Date("2026-01-01T00:00:00Z");
const nodeCount = 4;

beforeAll(async () => {
  temporary = await temporaryDatabase();
  account = await addAccount(temporary.database);
});
afterAll(() => temporary[Symbol.asyncDispose]());

/** What happens in a step; `pick` chooses among whatever there is then. */
const step = fc.record({
  kind: fc.oneof(
    { weight: 5, arbitrary: fc.constant("schedule" as const) },
    { weight: 4, arbitrary: fc.constant("coordinate" as const) },
    { weight: 6, arbitrary: fc.constantFrom("addGang" as const, "addSmall" as const) },
    { weight: 4, arbitrary: fc.constantFrom("succeed" as const, "fail" as const, "cannotStart" as const) },
    { weight: 2, arbitrary: fc.constantFrom("loseNode" as const, "requeue" as const) },
    { weight: 2, arbitrary: fc.constantFrom("terminate" as const, "delete" as const, "reactivate" as const) },
  ),
  pick: fc.nat(1000),
});
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

interface World {
  readonly poolPk: number;
  readonly jobPks: readonly number[];
  now: Date;
  added: number;
}

let worlds = 0;

/** A pool of nodes, and three jobs: one that may be preempted and takes all nodes, and two of higher priority. */
async function newWorld(): Promise<World> {
  const sql = temporary.database;
  worlds += 1;
  const id = `world-${worlds}`;
  const inserted = await insertPool(sql, newPool(aPool(id, { enableInterNodeCommunication: true }), account, start));
  const pool = inserted && (await readPoolByPk(sql, inserted.pk));
  if (!pool) throw new Error("no pool");
  await insertNodes(
    sql,
    pool,
    [...Array(nodeCount).keys()].map((n) => ({ id: `${id}-n${n}`, isDedicated: true })),
    start,
  );
  await sql`update node set state = 'idle', ip_address = '10.0.0.1' where pool_pk = ${pool.pk}`;
  const jobPks: number[] = [];
  for (const priority of [-1, 0, 1]) {
    const body = { id: `${id}-${priority + 1}`, poolInfo: { poolId: id }, priority, allowTaskPreemption: priority < 0 };
    const job = await insertJob(sql, newJob(body, account, start));
    if (job) jobPks.push(job.pk);
  }
  const world: World = { poolPk: pool.pk, jobPks, now: start, added: 0 };
  for (let n = 0; n < nodeCount; n++) await addTask(world, 0);
  await perform(world, { kind: "schedule", pick: 0 });
  return world;
}

const pickOf = <Item>(items: readonly Item[], pick: number): Item | undefined =>
  items[pick % Math.max(1, items.length)];

async function perform(world: World, { kind, pick }: Step): Promise<void> {
  const { database } = temporary;
  world.now = new Date(world.now.getTime() + 1000);
  const { now } = world;
  switch (kind) {
    case "addGang":
      return addTask(world, pick, { numberOfInstances: 1 + (pick % nodeCount), coordinationCommandLine: "true" });
    case "addSmall":
      return addTask(world, pick);
    case "schedule": {
      const placements = plan(await readSnapshot(database, { tasksPerPool: 100, jobsPerPool: 10 }));
      await transaction(database, (sql) => placeTasks(sql, placements, now));
      return;
    }
    case "coordinate": {
      const run = pickOf(
        await database<{ runId: string }[]>`
        select run_id from subtask s join node n on n.pk = s.node_pk
        where n.pool_pk = ${world.poolPk} and run_id is not null and not is_coordinated order by s.task_pk, s.id`,
        pick,
      );
      if (run) await transaction(database, (sql) => recordCoordination(sql, run.runId));
      return;
    }
    case "succeed":
      return endRun(world, pick, { kind: "exited", exitCode: 0 });
    case "fail":
      return endRun(world, pick, { kind: "exited", exitCode: 3 });
    case "cannotStart": {
      const failure = { category: "UserError" as const, code: "BlobNotFound", message: "", details: [] };
      return endRun(world, pick, { kind: "failed", failure });
    }
    case "loseNode":
    case "requeue":
      return transaction(database, async (sql) => {
        const node = pickOf(await nodesOf(sql, world), pick);
        const tasks = await lockTasksOnNodes(sql, node ? [node.pk] : []);
        const after = kind === "requeue" ? afterDisable : afterNodeLoss;
        await takeFromNodes(sql, tasks, (task) => after(task, now), now);
      });
    default:
      return transaction(database, async (sql) => {
        const found = pickOf(await tasksOf(sql, world), pick);
        const job = found && (await lockJobByPk(sql, found.jobPk));
        const task = job && (await lockTask(sql, job, found.id));
        if (!task) return;
        if (kind === "delete") await removeTask(sql, job, task, now);
        else if (kind === "terminate" && task.state !== "completed") await terminateTask(sql, task, now);
        else if (kind === "reactivate" && task.result === "failure") await reactivateTask(sql, task, now);
      });
  }
}

async function addTask(
  world: World,
  pick: number,
  settings?: TaskAddParameter["multiInstanceSettings"],
): Promise<void> {
  world.added += 1;
  const body: TaskAddParameter = {
    id: `t${world.added}`,
    commandLine: "true",
    constraints: { maxTaskRetryCount: 1 },
    ...(settings ? { multiInstanceSettings: settings } : {}),
  };
  await transaction(temporary.database, async (sql) => {
    const job = await lockJobByPk(sql, pickOf(world.jobPks, pick) ?? 0);
    if (job) await addTasks(sql, job, [{ id: body.id, body }], world.now);
  });
}

/** Ends one of the runs that agents have; an instance beside the primary ends by itself only when it fails. */
async function endRun(world: World, pick: number, exit: RunExit): Promise<void> {
  const { database } = temporary;
  const wanted = await readWantedRuns(
    database,
    (await nodesOf(database, world)).map(({ pk }) => pk),
  );
  const runs = await readRuns(
    database,
    wanted.map(({ runId }) => runId),
  );
  const endable = runs.filter(
    (run) => run.kind === "task" && !(exit.kind === "exited" && exit.exitCode === 0 && (run.instance?.id ?? 0) > 0),
  );
  const run = pickOf(
    endable.toSorted((one, other) => (one.runId < other.runId ? -1 : 1)),
    pick,
  );
  if (!run) return;
  const end = { runId: run.runId, exit, startTime: world.now, endTime: world.now };
  for (const _ of [1, 2]) await transaction(database, (sql) => finishRuns(sql, [end], world.now));
}

const nodesOf = (sql: Sql, { poolPk }: World) =>
  sql<{ pk: number; usedSlots: number; runningTasks: number; slots: number; state: string }[]>`
    select pk, used_slots, running_tasks, slots, state from node where pool_pk = ${poolPk} order by id`;

interface TaskRow {
  readonly pk: number;
  readonly jobPk: number;
  readonly id: string;
  readonly state: string;
  readonly instances: number | null;
  readonly nodePk: number | null;
  readonly runId: string | null;
}
const tasksOf = (sql: Sql, { jobPks }: World) =>
  sql<TaskRow[]>`
    select pk, job_pk, id, state, instances, node_pk, run_id from task
    where job_pk = any(${[...jobPks]}::bigint[]) order by pk`;

interface SubtaskRow {
  readonly taskPk: number;
  readonly id: number;
  readonly state: string;
  readonly nodePk: number | null;
  readonly runId: string | null;
  readonly isCoordinated: boolean;
}

async function checkInvariants(world: World): Promise<void> {
  const sql = temporary.database;
  const [nodes, tasks] = await Promise.all([nodesOf(sql, world), tasksOf(sql, world)]);
  const subtasks = await sql<SubtaskRow[]>`
    select s.* from subtask s where task_pk = any(${tasks.map(({ pk }) => pk)}::bigint[]) order by task_pk, id`;
  for (const node of nodes) {
    const here =
      tasks.filter(({ nodePk }) => nodePk === node.pk).length +
      subtasks.filter(({ nodePk, id }) => nodePk === node.pk && id > 0).length;
    expect(node).toMatchObject({ usedSlots: here, runningTasks: here, state: here > 0 ? "running" : "idle" });
    expect(node.usedSlots).toBeLessThanOrEqual(node.slots);
  }
  for (const task of tasks) {
    const own = subtasks.filter(({ taskPk }) => taskPk === task.pk);
    if (task.state !== "running" || task.instances === null) {
      expect(own.filter(({ nodePk, runId }) => nodePk !== null || runId !== null)).toEqual([]);
      continue;
    }
    expect(own.map(({ id }) => id)).toEqual([...Array(task.instances).keys()]);
    expect(new Set(own.map(({ nodePk }) => nodePk)).size).toBe(task.instances);
    expect(own[0]).toMatchObject({ nodePk: task.nodePk, runId: task.runId });
    expect(own.every(({ state, runId }) => state === "running" && runId !== null)).toBe(true);
  }
  await checkOrders(
    nodes.map(({ pk }) => pk),
    tasks,
    subtasks,
  );
  await checkCounts(world, tasks);
}

/** Agents are told to run exactly what runs, and a primary to go on exactly when all are coordinated. */
async function checkOrders(nodePks: readonly number[], tasks: readonly TaskRow[], subtasks: readonly SubtaskRow[]) {
  const wanted = await readWantedRuns(temporary.database, nodePks);
  const running = [
    ...tasks.filter(({ instances }) => instances === null).flatMap(({ runId }) => runId ?? []),
    ...subtasks.flatMap(({ runId }) => runId ?? []),
  ];
  expect(wanted.map(({ runId }) => runId).sort()).toEqual(running.sort());
  const isCoordinated = (taskPk: number) => subtasks.every((each) => each.taskPk !== taskPk || each.isCoordinated);
  const ready = subtasks.filter(({ id, runId, taskPk }) => id === 0 && runId !== null && isCoordinated(taskPk));
  expect(wanted.flatMap(({ runId, mayProceed }) => (mayProceed ? [runId] : [])).sort()).toEqual(
    ready.flatMap(({ runId }) => runId ?? []).sort(),
  );
  const runs = await readRuns(temporary.database, running);
  expect(runs.map(({ runId }) => runId).sort()).toEqual(running.sort());
}

async function checkCounts({ jobPks }: World, tasks: readonly TaskRow[]): Promise<void> {
  const [counts] = await temporary.database<{ active: number; running: number; completed: number }[]>`
    select coalesce(sum(active), 0)::int as active, coalesce(sum(running), 0)::int as running,
      coalesce(sum(succeeded + failed), 0)::int as completed
    from task_count where job_pk = any(${[...jobPks]}::bigint[])`;
  const count = (state: string) => tasks.filter((task) => task.state === state).length;
  expect(counts).toEqual({ active: count("active"), running: count("running"), completed: count("completed") });
}

test("whatever happens, instances run all or not at all, and slots taken are slots freed", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const world = await newWorld();
      for (const each of steps) {
        await perform(world, each);
        await checkInvariants(world);
      }
    }),
    { numRuns: 40 },
  );
}, 240_000);
