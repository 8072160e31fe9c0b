import { expect } from "vitest";
import { after } from "../../src/domain/time.ts";
import type { SeenRun, World } from "./world.ts";
import { nodeCount, slotsPerNode } from "./world.ts";

/** How a run ends, as far as rules tell ends apart. */
export const exits = ["zero", "one", "two", "notStarted", "wallClock", "notUploaded"] as const;
export type Exit = (typeof exits)[number];

export interface ModelOptions {
  readonly jobAction?: "none" | "disable" | "terminate";
  readonly dependencyAction?: "satisfy" | "block";
}

export interface ModelTask {
  readonly id: string;
  readonly slots: number;
  retryLimit: number;
  readonly parents: readonly string[];
  readonly options: Readonly<Partial<Record<Exit | "default", ModelOptions>>>;
  readonly isManager: boolean;
  /** Whether it was on a node before; then a manager need not wait for room. */
  wasPlaced: boolean;
  state: "active" | "preparing" | "running" | "completed";
  result: "success" | "failure" | null;
  retries: number;
  requeues: number;
  losses: number;
  node: number | null;
  satisfied: boolean;
  /** Parents that have not satisfied it; once there are none it is ready for good. */
  waitsFor: Set<string>;
  ready: boolean;
}

type Readiness = "unprepared" | "preparing" | "prepared" | "failed" | "releasing" | "released";

export interface ModelJob {
  readonly id: string;
  readonly usesDependencies: boolean;
  readonly performsJobActions: boolean;
  endsWithTasks: boolean;
  parallel: number;
  priority: number;
  readonly preparation?: { readonly waits: boolean; readonly reruns: boolean };
  readonly releases: boolean;
  readonly managerKills: boolean;
  readonly expiry: Date | null;
  checkTime: Date | null;
  readonly order: number;
  state: "active" | "disabling" | "disabled" | "enabling" | "terminating" | "completed" | "deleting";
  reason: string | null;
  disableOption: "requeue" | "terminate" | "wait";
  isChecked: boolean;
  readonly tasks: Map<string, ModelTask>;
  readonly nodes: Map<number, { state: Readiness; needsRelease: boolean }>;
}

/** What a request may change of a job. */
export type JobChange = Partial<Pick<ModelJob, "priority" | "parallel" | "endsWithTasks">>;

const openStates = ["active", "disabling", "disabled", "enabling"];
const refusals: Readonly<Record<string, string>> = {
  terminating: "JobBeingTerminated",
  completed: "JobCompleted",
  deleting: "JobBeingDeleted",
};

/** What ought to happen, as plainly as it can be said: no database, no sets, nothing of the code under test. */
export class Model {
  readonly jobs = new Map<string, ModelJob>();
  nextOrder = 0;
  readonly alive = Array.from({ length: nodeCount }, () => true);

  isOpen = (job: ModelJob) => openStates.includes(job.state);

  refusal(job: ModelJob): string | undefined {
    return refusals[job.state];
  }

  addTask(job: ModelJob, task: Omit<ModelTask, "waitsFor" | "ready">): string | undefined {
    const refused = this.refusal(job);
    if (refused) return refused;
    if (job.tasks.has(task.id)) return "TaskExists";
    const waitsFor = new Set(task.parents.filter((parent) => !job.tasks.get(parent)?.satisfied));
    job.tasks.set(task.id, { ...task, waitsFor, ready: waitsFor.size === 0 });
    return undefined;
  }

  terminateTask(job: ModelJob, task: ModelTask | undefined): string | undefined {
    if (!task) return "TaskNotFound";
    if (job.state === "deleting") return "JobBeingDeleted";
    if (task.state === "completed") return "TaskCompleted";
    this.#end(job, task);
    return undefined;
  }

  updateTask(job: ModelJob, task: ModelTask | undefined, retryLimit: number): string | undefined {
    if (!task) return "TaskNotFound";
    if (job.state === "deleting") return "JobBeingDeleted";
    if (task.state === "completed") return "TaskCompleted";
    task.retryLimit = retryLimit;
    return undefined;
  }

  reactivateTask(job: ModelJob, task: ModelTask | undefined): string | undefined {
    if (!task) return "TaskNotFound";
    const refused = this.refusal(job);
    if (refused) return refused;
    if (task.state !== "completed") return "TaskNotCompleted";
    if (task.result === "success") return "TaskSucceeded";
    Object.assign(task, { state: "active", result: null, retries: 0, losses: 0 });
    return undefined;
  }

  deleteTask(job: ModelJob, task: ModelTask | undefined): string | undefined {
    if (!task) return "TaskNotFound";
    if (job.state === "deleting") return "JobBeingDeleted";
    job.tasks.delete(task.id);
    if (task.satisfied)
      for (const child of job.tasks.values())
        if (!child.ready && child.parents.includes(task.id)) child.waitsFor.add(task.id);
    this.#endIfComplete(job);
    return undefined;
  }

  patchJob(job: ModelJob, change: JobChange, now: Date): string | undefined {
    const refused = this.refusal(job);
    if (refused) return refused;
    if (job.endsWithTasks && change.endsWithTasks === false) return "InvalidPropertyValue";
    Object.assign(job, change);
    if (job.endsWithTasks) Object.assign(job, { checkTime: after(now, 5), isChecked: false });
    return undefined;
  }

  terminateJob(job: ModelJob, reason: string): string | undefined {
    const refused = this.refusal(job);
    if (refused) return refused;
    job.state = "terminating";
    job.reason = reason;
    return undefined;
  }

  deleteJob(job: ModelJob): string | undefined {
    if (job.state === "deleting") return "JobBeingDeleted";
    job.state = "deleting";
    return undefined;
  }

  disableJob(job: ModelJob, option: ModelJob["disableOption"]): string | undefined {
    const refused = this.refusal(job);
    if (refused) return refused;
    if (job.state === "enabling") return "OperationInvalidForCurrentState";
    if (job.state === "active") job.state = "disabling";
    job.disableOption = option;
    return undefined;
  }

  enableJob(job: ModelJob): string | undefined {
    const refused = this.refusal(job);
    if (refused) return refused;
    if (job.state === "active") return "OperationInvalidForCurrentState";
    job.state = "enabling";
    return undefined;
  }

  finish(run: SeenRun, exit: Exit): void {
    const job = this.jobs.get(run.job);
    if (!job) throw new Error(`a run of ${run.job}, which is gone`);
    const task = job.tasks.get(run.task);
    if (run.kind === "task" && task) {
      this.#finishTask(job, task, exit);
      return;
    }
    const node = job.nodes.get(run.node);
    if (!node) throw new Error("a run on a node that the job has not touched");
    if (run.kind === "release") {
      node.state = "released";
      return;
    }
    const isUsable = exit === "zero" || !job.preparation?.waits;
    node.state = isUsable ? "prepared" : "failed";
    if (isUsable) node.needsRelease = true;
    for (const waiting of this.#on(job, run.node))
      if (waiting.state === "preparing") {
        waiting.state = isUsable ? "running" : "active";
        if (!isUsable) waiting.node = null;
      }
  }

  #finishTask(job: ModelJob, task: ModelTask, exit: Exit): void {
    const isExitCode = exit === "one" || exit === "two";
    if (isExitCode && (task.retryLimit === -1 || task.retries < task.retryLimit)) {
      task.retries++;
      return;
    }
    const isSuccess = exit === "zero";
    // An upload that failed after exit code 0 is met by an entry for code 0 first.
    const first = exit === "notUploaded" ? (task.options.zero ?? task.options.notUploaded) : task.options[exit];
    const options = first ?? (isSuccess ? undefined : task.options.default);
    this.#complete(job, task, { result: isSuccess ? "success" : "failure", options, isSuccess });
  }

  /** Ended on request, by itself or with its job: that asks nothing of the job. */
  #end(job: ModelJob, task: ModelTask): void {
    const options = { ...task.options.default, jobAction: "none" as const };
    this.#complete(job, task, { result: "failure", options, isSuccess: false });
  }

  #complete(
    job: ModelJob,
    task: ModelTask,
    end: { result: "success" | "failure"; options: ModelOptions | undefined; isSuccess: boolean },
  ): void {
    Object.assign(task, { state: "completed", result: end.result, node: null });
    if ((end.options?.dependencyAction ?? (end.isSuccess ? "satisfy" : "block")) === "satisfy") task.satisfied = true;
    if (task.satisfied)
      for (const child of job.tasks.values()) {
        child.waitsFor.delete(task.id);
        if (child.waitsFor.size === 0) child.ready = true;
      }
    const action = end.options?.jobAction ?? (end.isSuccess ? "none" : "terminate");
    if (task.isManager && job.managerKills && this.isOpen(job)) this.terminateJob(job, "JMComplete");
    else if (job.performsJobActions && this.isOpen(job)) {
      if (action === "terminate") this.terminateJob(job, "TaskFailed");
      if (action === "disable" && job.state === "active") this.disableJob(job, "requeue");
    }
    this.#endIfComplete(job);
  }

  #endIfComplete(job: ModelJob): void {
    const isComplete = [...job.tasks.values()].every(({ state }) => state === "completed");
    if (job.endsWithTasks && isComplete && this.isOpen(job)) this.terminateJob(job, "AllTasksCompleted");
  }

  lose(node: number): void {
    if (!this.alive[node]) return;
    this.alive[node] = false;
    this.#interrupt(node, false);
  }

  reboot(node: number): void {
    this.alive[node] = true;
    this.#interrupt(node, true);
  }

  #interrupt(node: number, isReboot: boolean): void {
    for (const job of this.jobs.values()) {
      for (const task of this.#on(job, node)) {
        task.losses++;
        // More losses than the service puts up with complete the task.
        if (task.losses > 10)
          this.#complete(job, task, {
            result: "failure",
            options: task.options.notStarted ?? task.options.default,
            isSuccess: false,
          });
        else Object.assign(task, { state: "active", node: null });
      }
      const place = job.nodes.get(node);
      if (place?.state === "preparing") place.state = "unprepared";
      if (place?.state === "prepared" && isReboot && job.preparation?.reruns) place.state = "unprepared";
    }
  }

  pass(now: Date): void {
    for (const job of this.jobs.values())
      if (job.expiry && job.expiry <= now && this.isOpen(job)) this.terminateJob(job, "MaxWallClockTimeExpiry");
    for (const job of this.jobs.values()) {
      if (job.checkTime === null || job.checkTime > now || job.isChecked) continue;
      job.isChecked = true;
      this.#endIfComplete(job);
    }
  }

  settle(): void {
    const moving = [...this.jobs.values()].filter(({ state }) => !["active", "disabled", "completed"].includes(state));
    for (const job of moving.sort((one, other) => one.order - other.order)) {
      this.#endRunning(job);
      this.#settleJob(job);
    }
  }

  #endRunning(job: ModelJob): void {
    const { state } = job;
    if (state === "enabling" || (state === "disabling" && job.disableOption === "wait")) return;
    for (const task of [...job.tasks.values()].filter((each) => this.#isOnNode(each))) {
      if (state === "disabling" && job.disableOption === "requeue") {
        task.requeues++;
        Object.assign(task, { state: "active", node: null });
      } else this.#end(job, task);
    }
  }

  #settleJob(job: ModelJob): void {
    if (job.state !== "enabling" && [...job.tasks.values()].some((task) => this.#isOnNode(task))) return;
    if (job.state === "terminating" || job.state === "deleting") {
      for (const place of job.nodes.values()) {
        if (place.state === "releasing" || place.state === "released") continue;
        place.state = place.needsRelease && job.releases ? "releasing" : "released";
      }
      if ([...job.nodes.values()].some(({ state }) => state === "releasing")) return;
    }
    if (job.state === "deleting") this.jobs.delete(job.id);
    if (job.state === "disabling") job.state = "disabled";
    if (job.state === "enabling") job.state = "active";
    if (job.state === "terminating") job.state = "completed";
  }

  /** A run that was never begun goes back to the queue, and it counts for nothing. */
  giveBack(run: SeenRun): void {
    const task = this.jobs.get(run.job)?.tasks.get(run.task);
    if (!task) throw new Error(`a run of ${run.task}, which is gone`);
    Object.assign(task, { state: "active", node: null });
  }

  /** Takes over where tasks were placed, having checked that they might be there and that nothing more fits. */
  adopt(seen: Awaited<ReturnType<World["see"]>>): void {
    this.#adopt(seen, slotsPerNode);
    expect(this.#leftOut()).toEqual([]);
  }

  /** Takes over what one node got when a run had ended there, if it was short with some to go on with. */
  adoptRefill(seen: Awaited<ReturnType<World["see"]>>, isShort: boolean): void {
    this.#adopt(seen, isShort ? 9 * slotsPerNode : slotsPerNode);
  }

  /** @param most slots that a node may have taken after it got a task */
  #adopt(seen: Awaited<ReturnType<World["see"]>>, most: number): void {
    const given = new Set<number>();
    const displaced = this.#displaced(seen);
    for (const { job: jobId, id, state, node } of seen.tasks) {
      const job = this.jobs.get(jobId);
      const task = job?.tasks.get(id);
      if (!job || !task || node === null || task.state !== "active") continue;
      expect([job.state, task.ready, this.alive[node], job.nodes.get(node)?.state === "failed"]).toEqual([
        "active",
        true,
        true,
        false,
      ]);
      const place = job.nodes.get(node) ?? { state: "unprepared", needsRelease: false };
      if (job.preparation) {
        job.nodes.set(node, place);
        if (place.state === "unprepared") place.state = "preparing";
      }
      const waits = job.preparation?.waits && place.state === "preparing";
      expect(state).toBe(waits ? "preparing" : "running");
      if (task.isManager && task.wasPlaced && job.priority >= (displaced.get(node) ?? 0)) displaced.delete(node);
      // A manager that starts finds its node empty, or emptied for it.
      if (task.isManager) expect(this.#used(node)).toBe(0);
      Object.assign(task, { state, node, wasPlaced: true });
      given.add(node);
    }
    expect([...displaced]).toEqual([]);
    for (const node of given) expect(this.#used(node)).toBeLessThanOrEqual(most);
  }

  /**
   * Takes the tasks from their nodes that made room; answers which nodes managers have to be on for that, and of which
   * priority at least.
   */
  #displaced(seen: Awaited<ReturnType<World["see"]>>): Map<number, number> {
    const nodes = new Map<number, number>();
    for (const { job: jobId, id, node } of seen.tasks) {
      const job = this.jobs.get(jobId);
      const task = job?.tasks.get(id);
      if (!job || !task || task.node === null || task.node === node || !this.#isOnNode(task)) continue;
      expect([job.state, task.isManager]).toEqual(["active", false]);
      nodes.set(task.node, Math.max(job.priority, nodes.get(task.node) ?? job.priority));
      task.requeues++;
      Object.assign(task, { state: "active", node: null });
    }
    return nodes;
  }

  /** Tasks that have to wait although there is room for them. */
  #leftOut(): string[] {
    return [...this.jobs.values()].flatMap((job) => {
      const tasks = [...job.tasks.values()];
      const running = tasks.filter((task) => this.#isOnNode(task)).length;
      if (job.state !== "active" || (job.parallel > 0 && running >= job.parallel)) return [];
      const hasRoom = (task: ModelTask) =>
        this.alive.some((isAlive, node) => {
          const free =
            slotsPerNode - this.#used(node) + (task.isManager && task.wasPlaced ? this.#yielding(node, job) : 0);
          const fits = task.isManager ? free === slotsPerNode : free >= task.slots;
          return isAlive && fits && job.nodes.get(node)?.state !== "failed";
        });
      return tasks.filter((task) => task.state === "active" && task.ready && hasRoom(task)).map(({ id }) => id);
    });
  }

  /** Slots that a manager which starts again could have at the cost of other tasks. */
  #yielding(node: number, to: ModelJob): number {
    return [...this.jobs.values()]
      .flatMap((job) => (job.state === "active" && job.priority <= to.priority ? this.#on(job, node) : []))
      .reduce((total, task) => total + (task.isManager ? 0 : task.slots), 0);
  }

  #used(node: number): number {
    return [...this.jobs.values()]
      .flatMap((job) => this.#on(job, node))
      .reduce((total, task) => total + (task.isManager ? slotsPerNode : task.slots), 0);
  }

  #isOnNode = (task: ModelTask) => task.state === "preparing" || task.state === "running";
  #on = (job: ModelJob, node: number) =>
    [...job.tasks.values()].filter((task) => task.node === node && this.#isOnNode(task));

  /** What there should be to see. */
  expected() {
    const byId = <T extends { id: string }>(one: T, other: T) => (one.id < other.id ? -1 : 1);
    const jobs = [...this.jobs.values()].sort(byId);
    const tasks = jobs.flatMap((job) => [...job.tasks.values()].sort(byId).map((task) => ({ job, task })));
    const count = (job: ModelJob, is: (task: ModelTask) => boolean) => [...job.tasks.values()].filter(is).length;
    return {
      jobs: jobs.map(({ id, state, reason }) => ({ id, state, reason })),
      tasks: tasks.map(({ job, task: { id, state, result, retries, requeues, node } }) => ({
        job: job.id,
        id,
        state,
        result,
        retries,
        requeues,
        node,
      })),
      counts: jobs
        .filter((job) => job.tasks.size > 0)
        .map((job) => ({
          job: job.id,
          active: count(job, ({ state }) => state === "active"),
          running: count(job, (task) => this.#isOnNode(task)),
          ok: count(job, ({ result }) => result === "success"),
          failed: count(job, ({ result }) => result === "failure"),
        })),
      nodes: this.alive.map((_, node) => ({
        usedSlots: this.#used(node),
        runningTasks: jobs.flatMap((job) => this.#on(job, node)).length,
      })),
      runs: [
        ...jobs.flatMap((job) => runsOn(job, "preparing", "preparation")),
        ...jobs.flatMap((job) => runsOn(job, "releasing", "release")),
        ...tasks
          .filter(({ task }) => task.state === "running")
          .map(({ job, task }) => ({ kind: "task", job: job.id, task: task.id, node: task.node })),
      ],
    };
  }
}

function runsOn(job: ModelJob, state: Readiness, kind: SeenRun["kind"]) {
  return [...job.nodes]
    .filter(([, place]) => place.state === state)
    .sort(([one], [other]) => one - other)
    .map(([node]) => ({ kind, job: job.id, task: "", node }));
}
