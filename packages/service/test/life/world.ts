import {
  BatchError,
  type JobAddParameter,
  type JobPatchParameter,
  type RunOutcome,
  type TaskAddParameter,
  type TaskUpdateParameter,
} from "@kyanite/contract";
import { aPool, type TemporaryDatabase } from "@kyanite/testkit";
import type { Account } from "../../src/domain/account/account.ts";
import type { Facts } from "../../src/domain/filter.ts";
import { checkJobAction, type Job, jobTransitions } from "../../src/domain/job/job.ts";
import { newJob } from "../../src/domain/job/new-job.ts";
import { patchedJob } from "../../src/domain/job/update-job.ts";
import { newPool } from "../../src/domain/pool/new-pool.ts";
import { type Task, taskStandings, taskTransitions } from "../../src/domain/task/task.ts";
import { after } from "../../src/domain/time.ts";
import type { AddingOptions } from "../../src/lifecycle/auto-pool.ts";
import { lockExistingJob } from "../../src/lifecycle/existing.ts";
import {
  beginDeleteJob,
  disableJob,
  enableJob,
  endCompleteJobs,
  endExpiredJobs,
  terminateJob,
  updateJob,
} from "../../src/lifecycle/job.ts";
import { addJob } from "../../src/lifecycle/new-job.ts";
import { type HelloFrom, loseSilentNodes, welcomeNode } from "../../src/lifecycle/node.ts";
import { placeTasks } from "../../src/lifecycle/placement.ts";
import { finishAndRefill } from "../../src/lifecycle/refill.ts";
import { finishRuns } from "../../src/lifecycle/run.ts";
import { advanceJobs } from "../../src/lifecycle/settle-jobs.ts";
import { addTasks, reactivateTask, removeTask, terminateTask, updateTask } from "../../src/lifecycle/task.ts";
import { plan } from "../../src/scheduler/plan.ts";
import { Served } from "../../src/scheduler/served.ts";
import { type Database, type Sql, transaction } from "../../src/store/database.ts";
import { lockJobForTasks } from "../../src/store/jobs.ts";
import { insertNodes } from "../../src/store/node-provision.ts";
import { readNodesOfPool } from "../../src/store/nodes.ts";
import { insertPool, lockPool } from "../../src/store/pools.ts";
import { readSnapshot } from "../../src/store/snapshot.ts";
import { lockTask } from "../../src/store/tasks.ts";
import { addAccount } from "../builders.ts";
import { someQuotas } from "../quotas.ts";
import type { JobChange } from "./model.ts";

export const nodeCount = 2;
export const slotsPerNode = 2;

/** A run that a node should have now. */
export interface SeenRun {
  readonly kind: "task" | "preparation" | "release";
  readonly job: string;
  /** Empty unless it is a task's. */
  readonly task: string;
  readonly node: number;
  readonly runId: string;
}

/** How an agent reports the end of a run. */
interface Report {
  readonly runId: string;
  readonly exit: RunOutcome;
  /** How long it took; a second when absent. */
  readonly seconds?: number;
}

const bounds = { tasksPerPool: 100, jobsPerPool: 50 };

/** The real thing: life cycles and statements on a real database, with agents that say what a test tells them. */
export class World {
  readonly #database: Database;
  readonly #account: Account;
  readonly #nodePks: number[];
  #bootTime = new Date("2025-12-31T00:00:00Z");
  #now = new Date("2026-01-01T00:00:00Z");
  #lastReport: Report | undefined;
  readonly #served = new Served();

  private constructor(database: Database, account: Account, nodePks: number[]) {
    this.#database = database;
    this.#account = account;
    this.#nodePks = nodePks;
  }

  /** An account with a pool of idle nodes, and a record of every move of a job or task. */
  static async create({ database }: Pick<TemporaryDatabase, "database">): Promise<World> {
    const now = new Date("2026-01-01T00:00:00Z");
    await database.unsafe(`
      create table move (kind text, before text, after text);
      create function note_move() returns trigger language plpgsql as $$
      begin insert into move values (tg_table_name, old.state, new.state); return new; end $$;
      create trigger note_task_move after update of state on task for each row
        when (old.state <> new.state) execute function note_move();
      create trigger note_job_move after update of state on job for each row
        when (old.state <> new.state) execute function note_move();`);
    const account = await addAccount(database);
    await insertPool(database, newPool(aPool("pool", { taskSlotsPerNode: slotsPerNode }), account, now));
    const pool = await lockPool(database, account, "pool");
    if (!pool) throw new Error("no pool");
    const ids = Array.from({ length: nodeCount }, (_, index) => ({ id: `node${index}`, isDedicated: true }));
    await insertNodes(database, pool, ids, now);
    const nodes = await readNodesOfPool(database, pool.pk);
    const world = new World(
      database,
      account,
      nodes.map(({ pk }) => pk),
    );
    return world;
  }

  /** Everything as at the beginning, but for the clock. */
  async reset(): Promise<void> {
    await this.#database`
      truncate job, task, task_dependency, task_dependency_range, task_count, preparation, job_usage, account_usage, move,
        directory_removal`;
    await this.#database`update node set used_slots = 0, running_tasks = 0, state = 'creating'`;
    this.#lastReport = undefined;
    for (let node = 0; node < nodeCount; node++) await this.reboot(node);
  }

  get #adding(): AddingOptions {
    return {
      quotas: someQuotas(),
      now: this.#now,
    };
  }

  get now(): Date {
    return this.#now;
  }

  addJob = (body: JobAddParameter) =>
    this.#attempt((sql) => addJob(sql, this.#account, newJob(body, this.#account, this.#now), this.#adding));

  addTask = (jobId: string, body: TaskAddParameter) =>
    this.#attempt(async (sql) => {
      const job = await lockJobForTasks(sql, this.#account, jobId);
      if (!job) throw new BatchError("JobNotFound");
      checkJobAction(job, "addTask");
      const [added] = await addTasks(sql, job, [{ id: body.id, body }], this.#now);
      if (added && "error" in added) throw added.error;
    });

  patchJob = (id: string, { priority, parallel, endsWithTasks }: JobChange) => {
    const body: JobPatchParameter = {
      ...(priority === undefined ? {} : { priority }),
      ...(parallel === undefined ? {} : { maxParallelTasks: parallel }),
      ...(endsWithTasks === undefined ? {} : { onAllTasksComplete: endsWithTasks ? "terminatejob" : "noaction" }),
    };
    return this.#onJob(id, (sql, job) => {
      checkJobAction(job, "update");
      return updateJob(sql, this.#account, patchedJob(job, body, this.#now), this.#adding);
    });
  };

  terminateJob = (id: string) =>
    this.#onJob(id, (sql, job) => terminateJob(sql, job, { by: "client", reason: "UserTerminate" }, this.#now));
  deleteJob = (id: string) => this.#onJob(id, (sql, job) => beginDeleteJob(sql, job, false, this.#now));
  disableJob = (id: string, option: "requeue" | "terminate" | "wait") =>
    this.#onJob(id, (sql, job) => disableJob(sql, job, option, "client", this.#now));
  enableJob = (id: string) => this.#onJob(id, (sql, job) => enableJob(sql, job, this.#now));

  updateTask = (jobId: string, id: string, body: TaskUpdateParameter) =>
    this.#onTask(jobId, id, (sql, job, task) => {
      checkJobAction(job, "updateTask");
      return updateTask(sql, task, body, this.#now);
    });
  terminateTask = (jobId: string, id: string) =>
    this.#onTask(jobId, id, (sql, job, task) => {
      checkJobAction(job, "terminateTask");
      return terminateTask(sql, task, this.#now);
    });
  reactivateTask = (jobId: string, id: string) =>
    this.#onTask(jobId, id, (sql, job, task) => {
      checkJobAction(job, "reactivateTask");
      return reactivateTask(sql, task, this.#now);
    });
  deleteTask = (jobId: string, id: string) =>
    this.#onTask(jobId, id, (sql, job, task) => {
      checkJobAction(job, "deleteTask");
      return removeTask(sql, job, task, this.#now);
    });

  /** Rounds of scheduling until nothing more is placed. */
  async schedule(): Promise<void> {
    for (;;) {
      const snapshot = await readSnapshot(this.#database, bounds, this.#served);
      const placements = plan(this.#served.addTo(snapshot, this.#now));
      const placed = await transaction(this.#database, (sql) => placeTasks(sql, placements, this.#now));
      if (placed === 0) return;
    }
  }

  settle = () => advanceJobs(this.#database, this.#now);

  async report(report: Report): Promise<void> {
    this.#lastReport = report;
    await this.#report(report);
  }

  /** A report whose acknowledgement was lost. */
  async repeatLastReport(): Promise<void> {
    if (this.#lastReport) await this.#report(this.#lastReport);
  }

  async #report({ runId, exit, seconds = 1 }: Report): Promise<void> {
    const run = { runId, exit, startTime: after(this.#now, -seconds), endTime: this.#now };
    await transaction(this.#database, (sql) => finishRuns(sql, [run], this.#now));
  }

  /** A report after which the node gets its next tasks at once. */
  async reportAndRefill({ runId, exit, seconds = 1 }: Report, node: number): Promise<void> {
    const run = { runId, exit, startTime: after(this.#now, -seconds), endTime: this.#now, nodePk: this.#pk(node) };
    await transaction(this.#database, (sql) =>
      finishAndRefill(sql, [run], { bounds, served: this.#served, now: this.#now }),
    );
  }

  async lose(node: number): Promise<void> {
    await this.#database`
      update node set last_seen = case when pk = ${this.#pk(node)} then ${after(this.#now, -100)} else ${this.#now} end`;
    await loseSilentNodes(this.#database, after(this.#now, -60), this.#now);
  }

  /** The agent starts anew. */
  async reboot(node: number): Promise<void> {
    this.#bootTime = after(this.#bootTime, 1);
    await this.#database`update node set last_boot_time = null where pk = ${this.#pk(node)}`;
    await this.#hello(node, this.#bootTime);
  }

  /** The agent connects again and has run all the time. */
  async comeBack(node: number): Promise<void> {
    const [row] = await this.#database<{ lastBootTime: Date }[]>`
      select last_boot_time from node where pk = ${this.#pk(node)}`;
    await this.#hello(node, row?.lastBootTime ?? this.#bootTime);
  }

  async #hello(node: number, bootTime: Date): Promise<void> {
    const hello: HelloFrom = {
      hostId: null,
      agentVersion: "1",
      bootTime: bootTime.toISOString(),
      ipAddress: "127.0.0.1",
      cores: 1,
      memoryBytes: 1,
      runIds: [],
    };
    await transaction(this.#database, (sql) => welcomeNode(sql, this.#pk(node), hello, this.#now));
  }

  /** The clock goes on, and what looks at it acts. */
  async pass(seconds: number): Promise<void> {
    this.#now = after(this.#now, seconds);
    await endExpiredJobs(this.#database, this.#now);
    await endCompleteJobs(this.#database, this.#now);
  }

  async runs(): Promise<SeenRun[]> {
    const rows = await this.#database<(SeenRun & { nodePk: number })[]>`
      select 'task' as kind, j.id as job, t.id as task, t.node_pk, t.run_id
      from task t join job j on j.pk = t.job_pk where t.run_id is not null
      union all
      select case c.state when 'preparing' then 'preparation' else 'release' end, j.id, '', c.node_pk, c.run_id
      from preparation c join job j on j.pk = c.job_pk where c.run_id is not null
      order by 1, 2, 3, 4`;
    return rows.map(({ nodePk, ...run }) => ({ ...run, node: this.#nodePks.indexOf(nodePk) }));
  }

  /** All that a client or an agent could find out. */
  async see() {
    const jobs = await this.#database<Job[]>`select * from job order by id`;
    const tasks = await this.#database<(Task & { job: string })[]>`
      select t.*, j.id as job from task t join job j on j.pk = t.job_pk order by j.id, t.id`;
    const counts = await this.#database<{ job: string; active: number; running: number; ok: number; failed: number }[]>`
      select j.id as job, sum(active)::bigint as active, sum(running)::bigint as running, sum(succeeded)::bigint as ok,
        sum(failed)::bigint as failed
      from task_count c join job j on j.pk = c.job_pk group by j.id having sum(active + running + succeeded + failed) > 0
      order by j.id`;
    const nodes = await this.#database<{ usedSlots: number; runningTasks: number }[]>`
      select used_slots, running_tasks from node order by id`;
    return {
      jobs: jobs.map(({ id, state, terminateReason }) => ({ id, state, reason: terminateReason })),
      tasks: tasks.map((task) => ({
        job: task.job,
        id: task.id,
        state: task.state,
        result: task.result,
        retries: task.retryCount,
        requeues: task.requeueCount,
        node: task.nodePk === null ? null : this.#nodePks.indexOf(task.nodePk),
      })),
      counts: counts.map((each) => ({ ...each })),
      nodes: nodes.map((each) => ({ ...each })),
      runs: (await this.runs()).map(({ kind, job, task, node }) => ({ kind, job, task, node })),
    };
  }

  /** Moves that no table has. */
  async forbiddenMoves(): Promise<string[]> {
    const moves = await this.#database<{ kind: string; before: string; after: string }[]>`
      select distinct kind, before, after from move`;
    return moves.flatMap(({ kind, before, after: next }) => {
      const tables: Readonly<Record<string, Readonly<Record<string, string>>>> =
        kind === "task" ? taskTransitions : jobTransitions;
      return Object.values(tables[before] ?? {}).includes(next) ? [] : [`${kind}: ${before} → ${next}`];
    });
  }

  /** Tasks of which is not true what filters take as certain. */
  async wrongFacts(): Promise<string[]> {
    const tasks = await this.#database<Task[]>`select * from task`;
    return tasks.flatMap(({ id, state, result, startTime, endTime, exitCode }) => {
      const seen: Readonly<Record<string, unknown>> = {
        state,
        "executionInfo/result": result,
        "executionInfo/startTime": startTime,
        "executionInfo/endTime": endTime,
        "executionInfo/exitCode": exitCode,
      };
      const facts: Facts = taskStandings[result ?? (state === "completed" ? "failure" : state)];
      return Object.entries(facts).flatMap(([name, fact]) => (seen[name] === (fact ?? null) ? [] : `${id}: ${name}`));
    });
  }

  #pk(node: number): number {
    return this.#nodePks[node] ?? -1;
  }

  #onJob(id: string, act: (sql: Sql, job: Job) => Promise<unknown>) {
    return this.#attempt(async (sql) => act(sql, await lockExistingJob(sql, this.#account, { jobId: id })));
  }

  #onTask(jobId: string, id: string, act: (sql: Sql, job: Job, task: Task) => Promise<unknown>) {
    return this.#attempt(async (sql) => {
      const job = await lockExistingJob(sql, this.#account, { jobId });
      const task = await lockTask(sql, job, id);
      if (!task) throw new BatchError("TaskNotFound");
      await act(sql, job, task);
    });
  }

  /** The error's code, or undefined when the request was accepted. */
  async #attempt(work: (sql: Sql) => Promise<unknown>): Promise<string | undefined> {
    try {
      await transaction(this.#database, work);
      return undefined;
    } catch (cause) {
      if (cause instanceof BatchError) return cause.code;
      throw cause;
    }
  }
}
