import type { ExitOptions, JobAddParameter, RunExit, TaskAddParameter } from "@kyanite/contract";
import fc from "fast-check";
import { expect } from "vitest";
import { after } from "../../src/domain/time.ts";
import { type Exit, exits, type Model, type ModelJob, type ModelOptions, type ModelTask } from "./model.ts";
import { nodeCount, slotsPerNode, type World } from "./world.ts";

type Command = fc.AsyncCommand<Model, World>;

/** How often each kind of step was taken, and how often tasks were placed ahead of time, to see that the sequences reach what they should. */
export const taken = new Map<string, number>();

const note = (kind: string) => taken.set(kind, (taken.get(kind) ?? 0) + 1);

/** A step in both worlds, after which they must look the same. */
function command(name: string, run: (model: Model, world: World) => Promise<void>): Command {
  return {
    check: () => true,
    run: async (model, world) => {
      note(name.split(" ", 2).join(" "));
      await run(model, world);
      expect(await world.see()).toEqual(model.expected());
      expect(await world.wrongFacts()).toEqual([]);
      expect(await world.forbiddenMoves()).toEqual([]);
    },
    toString: () => name,
  };
}

const jobIds = ["j1", "j2", "j3"];
const taskIds = ["1", "2", "3", "4", "5", "6", "7", "8"];
const jobId = fc.constantFrom(...jobIds);
const taskId = fc.constantFrom(...taskIds);
const oneIn = (n: number) => fc.nat(n - 1).map((value) => value === 0);

const addJob = fc
  .record({
    id: jobId,
    usesDependencies: fc.boolean(),
    performsJobActions: oneIn(4),
    endsWithTasks: oneIn(3),
    parallel: fc.constantFrom(-1, -1, 1, 2),
    priority: fc.constantFrom(0, 0, 1),
    prepares: fc.boolean(),
    waits: oneIn(4).map((isHasty) => !isHasty),
    reruns: fc.boolean(),
    releases: fc.boolean(),
    manager: fc.constantFrom(undefined, undefined, undefined, "kills", "stays"),
    wallClockSeconds: fc.constantFrom(undefined, undefined, 30),
  })
  .map((job) =>
    command(`add job ${JSON.stringify(job)}`, async (model, world) => {
      const { id, manager, wallClockSeconds } = job;
      const existing = model.jobs.get(id);
      const body: JobAddParameter = {
        id,
        poolInfo: { poolId: "pool" },
        usesTaskDependencies: job.usesDependencies,
        onTaskFailure: job.performsJobActions ? "performexitoptionsjobaction" : "noaction",
        onAllTasksComplete: job.endsWithTasks ? "terminatejob" : "noaction",
        maxParallelTasks: job.parallel,
        priority: job.priority,
        ...(wallClockSeconds ? { constraints: { maxWallClockTime: `PT${wallClockSeconds}S` } } : {}),
        ...(job.prepares
          ? {
              jobPreparationTask: {
                commandLine: "true",
                waitForSuccess: job.waits,
                rerunOnNodeRebootAfterSuccess: job.reruns,
              },
              ...(job.releases ? { jobReleaseTask: { commandLine: "true" } } : {}),
            }
          : {}),
        ...(manager
          ? { jobManagerTask: { id: "m", commandLine: "true", killJobOnCompletion: manager === "kills" } }
          : {}),
      };
      const expected = existing ? (existing.state === "deleting" ? "JobBeingDeleted" : "JobExists") : undefined;
      expect(await world.addJob(body)).toBe(expected);
      if (existing) return;
      const added: ModelJob = {
        ...job,
        ...(job.prepares ? { preparation: { waits: job.waits, reruns: job.reruns } } : {}),
        releases: job.prepares && job.releases,
        managerKills: manager === "kills",
        expiry: wallClockSeconds ? after(world.now, wallClockSeconds) : null,
        checkTime: job.endsWithTasks ? after(world.now, 5) : null,
        order: model.nextOrder++,
        state: "active",
        reason: null,
        disableOption: "wait",
        isChecked: false,
        tasks: new Map(),
        nodes: new Map(),
      };
      model.jobs.set(id, added);
      if (manager) model.addTask(added, aTask({ id: "m", isManager: true }));
    }),
  );

const aTask = (task: Partial<ModelTask> & { id: string }) => ({
  slots: 1,
  retryLimit: 0,
  parents: [],
  options: {},
  isManager: false,
  wasPlaced: false,
  state: "active" as const,
  result: null,
  retries: 0,
  requeues: 0,
  losses: 0,
  node: null,
  satisfied: false,
  ...task,
});

const exitOptions: fc.Arbitrary<ModelOptions> = fc.record(
  {
    jobAction: fc.constantFrom("none" as const, "disable" as const, "terminate" as const),
    dependencyAction: fc.constantFrom("satisfy" as const, "block" as const),
  },
  { requiredKeys: [] },
);

interface GivenTask extends Pick<ModelTask, "id" | "slots" | "retryLimit" | "options"> {
  readonly job: string;
  readonly parents: string[];
  readonly asRange: boolean;
}

const addGivenTask = ({ job: jobKey, ...task }: GivenTask) =>
  command(`add task ${JSON.stringify({ job: jobKey, ...task })}`, async (model, world) => {
    const job = model.jobs.get(jobKey);
    const parents = job?.usesDependencies ? task.parents : [];
    const numbers = parents.map(Number);
    const range = { start: Math.min(...numbers), end: Math.max(...numbers) };
    const covered = taskIds.filter((id) => range.start <= Number(id) && Number(id) <= range.end);
    const isRange = task.asRange && parents.length > 0;
    const options = Object.fromEntries(
      Object.entries(task.options).map(([exit, { jobAction, dependencyAction }]) => [
        exit,
        {
          ...(jobAction && job?.performsJobActions ? { jobAction } : {}),
          ...(dependencyAction && job?.usesDependencies ? { dependencyAction } : {}),
        },
      ]),
    );
    const body: TaskAddParameter = {
      id: task.id,
      commandLine: "true",
      requiredSlots: task.slots,
      constraints: { maxTaskRetryCount: task.retryLimit },
      ...(parents.length > 0 ? { dependsOn: isRange ? { taskIdRanges: [range] } : { taskIds: parents } } : {}),
      exitConditions: exitConditions(options),
    };
    const expected = job
      ? model.addTask(
          job,
          aTask({
            id: task.id,
            slots: task.slots,
            retryLimit: task.retryLimit,
            parents: isRange ? covered : parents,
            options,
          }),
        )
      : "JobNotFound";
    expect(await world.addTask(jobKey, body)).toBe(expected);
  });

const addTask = fc
  .record({
    job: jobId,
    id: taskId,
    slots: fc.constantFrom(1, 1, 2, 3),
    retryLimit: fc.constantFrom(0, 0, 1, 2, -1),
    parents: fc.uniqueArray(taskId, { maxLength: 2 }),
    asRange: fc.boolean(),
    options: fc.dictionary(fc.constantFrom("zero", "one", "two", "notStarted", "notUploaded", "default"), exitOptions, {
      maxKeys: 2,
      noNullPrototype: true,
    }),
  })
  .map(addGivenTask);

/** Many that could run at once. */
const addCrowd = jobId.map((job) =>
  taskIds.map((id) => addGivenTask({ job, id, slots: 1, retryLimit: 0, parents: [], asRange: false, options: {} })),
);

function exitConditions(options: Readonly<Record<string, ExitOptions>>): TaskAddParameter["exitConditions"] {
  const codes = Object.entries({ zero: 0, one: 1 }).flatMap(([name, code]) =>
    options[name] ? [{ code, exitOptions: options[name] }] : [],
  );
  return {
    exitCodes: codes,
    ...(options.two ? { exitCodeRanges: [{ start: 2, end: 3, exitOptions: options.two }] } : {}),
    ...(options.notStarted ? { preProcessingError: options.notStarted } : {}),
    ...(options.notUploaded ? { fileUploadError: options.notUploaded } : {}),
    ...(options.default ? { default: options.default } : {}),
  };
}

const failure = (code: string) => ({ category: "UserError" as const, code, message: code, details: [] });

const runExits: Readonly<Record<Exit, RunExit>> = {
  zero: { kind: "exited", exitCode: 0 },
  one: { kind: "exited", exitCode: 1 },
  two: { kind: "exited", exitCode: 2 },
  notStarted: { kind: "failed", failure: failure("BlobNotFound") },
  wallClock: { kind: "ended", reason: "wallClock", exitCode: 137 },
  notUploaded: { kind: "exited", exitCode: 0, uploadFailure: failure("FileUploadContainerNotFound") },
};

const report = fc
  .record({ which: fc.nat(20), exit: fc.constantFrom("zero", "zero", "zero", ...exits) })
  .map(({ which, exit }) =>
    command(`report ${which} ${exit}`, async (model, world) => {
      const runs = (await world.runs()).filter(({ node }) => model.alive[node]);
      const run = runs[which % Math.max(1, runs.length)];
      if (!run) return;
      await world.report({ runId: run.runId, exit: runExits[exit] });
      model.finish(run, exit);
    }),
  );

const reportAndRefill = fc
  .record({
    which: fc.nat(20),
    exit: fc.constantFrom("zero", "zero", "zero", "zero", "zero", "zero", ...exits),
    seconds: fc.constantFrom(0, 0.01, 0.02, 1),
  })
  .map(({ which, exit, seconds }) =>
    command(`refill after ${seconds} ${which} ${exit}`, async (model, world) => {
      const runs = (await world.runs()).filter(({ kind, node }) => kind === "task" && model.alive[node]);
      const run = runs[which % Math.max(1, runs.length)];
      if (!run) return;
      await world.reportAndRefill({ runId: run.runId, exit: runExits[exit], seconds }, run.node);
      model.finish(run, exit);
      model.adoptRefill(await world.see(), seconds < 0.05);
      if (model.expected().nodes.some(({ usedSlots }) => usedSlots > slotsPerNode)) note("ahead");
    }),
  );

const giveBack = fc.nat(20).map((which) =>
  command(`give back ${which}`, async (model, world) => {
    const runs = (await world.runs()).filter(({ kind, node }) => kind === "task" && model.alive[node]);
    const run = runs[which % Math.max(1, runs.length)];
    if (!run) return;
    await world.report({ runId: run.runId, exit: { kind: "returned" } });
    model.giveBack(run);
  }),
);

const onJob = (
  name: string,
  expected: (model: Model, job: ModelJob, now: Date) => string | undefined,
  act: (world: World, id: string) => Promise<string | undefined>,
) =>
  jobId.map((id) =>
    command(`${name} ${id}`, async (model, world) => {
      const job = model.jobs.get(id);
      const code = job ? expected(model, job, world.now) : "JobNotFound";
      expect(await act(world, id)).toBe(code);
    }),
  );

const onTask = (
  name: string,
  expected: (model: Model, job: ModelJob, task: ModelTask | undefined) => string | undefined,
  act: (world: World, jobId: string, id: string) => Promise<string | undefined>,
) =>
  fc.tuple(jobId, taskId).map(([jobKey, id]) =>
    command(`${name} ${jobKey} ${id}`, async (model, world) => {
      const job = model.jobs.get(jobKey);
      const code = job ? expected(model, job, job.tasks.get(id)) : "JobNotFound";
      expect(await act(world, jobKey, id)).toBe(code);
    }),
  );

const change = {
  priority: fc.constantFrom(0, 1),
  parallel: fc.constantFrom(-1, 1, 2),
  endsWithTasks: fc.boolean(),
};

const disable = (option: "requeue" | "terminate" | "wait") =>
  onJob(
    `disable ${option}`,
    (model, job) => model.disableJob(job, option),
    (world, id) => world.disableJob(id, option),
  );

const schedule = fc.constant(
  command("schedule", async (model, world) => {
    await world.schedule();
    model.adopt(await world.see());
  }),
);

const settle = fc.constant(
  command("settle", async (model, world) => {
    await world.settle();
    model.settle();
  }),
);

const onNode = (name: string, act: (model: Model, world: World, node: number) => Promise<void>) =>
  fc.nat(nodeCount - 1).map((node) => command(`${name} ${node}`, (model, world) => act(model, world, node)));

/** A sequence begins with some jobs and tasks, as there is little to be seen without. */
export const beginning: fc.Arbitrary<Command[]> = fc
  .tuple(
    fc.array(addJob, { minLength: 2, maxLength: 3, size: "max" }),
    fc.array(addTask, { minLength: 4, maxLength: 10, size: "max" }),
    addCrowd,
  )
  .map(([jobs, tasks, crowd]) => [...jobs, ...tasks, ...crowd]);

/** What a sequence is made of; what is listed more often happens more often. */
export const commands: fc.Arbitrary<Command>[] = [
  addJob,
  addTask,
  addTask,
  addTask,
  addTask,
  schedule,
  schedule,
  schedule,
  schedule,
  schedule,
  schedule,
  report,
  report,
  report,
  reportAndRefill,
  reportAndRefill,
  reportAndRefill,
  reportAndRefill,
  reportAndRefill,
  reportAndRefill,
  giveBack,
  settle,
  settle,
  fc.constant(command("repeat the last report", (_, world) => world.repeatLastReport())),
  fc.nat(20).map((seconds) =>
    command(`pass ${seconds} s`, async (model, world) => {
      await world.pass(seconds);
      model.pass(world.now);
    }),
  ),
  onNode("lose", async (model, world, node) => {
    await world.lose(node);
    model.lose(node);
  }),
  onNode("reboot", async (model, world, node) => {
    await world.reboot(node);
    model.reboot(node);
  }),
  onNode("come back", async (model, world, node) => {
    await world.comeBack(node);
    model.alive[node] = true;
  }),
  disable("requeue"),
  disable("terminate"),
  disable("wait"),
  onJob(
    "enable",
    (model, job) => model.enableJob(job),
    (world, id) => world.enableJob(id),
  ),
  onJob(
    "terminate",
    (model, job) => model.terminateJob(job, "UserTerminate"),
    (world, id) => world.terminateJob(id),
  ),
  onJob(
    "delete",
    (model, job) => model.deleteJob(job),
    (world, id) => world.deleteJob(id),
  ),
  fc.record(change, { requiredKeys: [] }).chain((given) =>
    onJob(
      `patch ${JSON.stringify(given)}`,
      (model, job, now) => model.patchJob(job, given, now),
      (world, id) => world.patchJob(id, given),
    ),
  ),
  fc.constantFrom(0, 1, 2, -1).chain((retryLimit) =>
    onTask(
      `update ${retryLimit}`,
      (model, job, task) => model.updateTask(job, task, retryLimit),
      (world, job, id) => world.updateTask(job, id, { constraints: { maxTaskRetryCount: retryLimit } }),
    ),
  ),
  onTask(
    "terminate",
    (model, job, task) => model.terminateTask(job, task),
    (world, job, id) => world.terminateTask(job, id),
  ),
  onTask(
    "reactivate",
    (model, job, task) => model.reactivateTask(job, task),
    (world, job, id) => world.reactivateTask(job, id),
  ),
  onTask(
    "delete",
    (model, job, task) => model.deleteTask(job, task),
    (world, job, id) => world.deleteTask(job, id),
  ),
];
