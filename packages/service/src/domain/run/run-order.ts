import type {
  JobReleaseTask,
  KeptRuns,
  OrderedDownload,
  OrderedKeeping,
  OrderedUpload,
  OutputFile,
  ResourceFile,
  RunOrder,
  RunUser,
  UserIdentity,
} from "@kyanite/contract";
import { defaultReleaseWallClock, preparationId, releaseId } from "../job/job-tasks.ts";
import { defaultRetention, limitSeconds } from "../task/task-constraints.ts";
import { traceParentOfRun } from "../trace/trace-context.ts";
import { orderedContainer } from "./containers.ts";
import { packageRunDirectory, startTaskDirectory, taskDirectory } from "./directories.ts";
import { instanceOrder } from "./instance-order.ts";
import type { JobRun, PackageRun, Run, StartTaskRun, TaskRun } from "./run.ts";

/** What a run's order needs to know of the service it runs on. */
export interface OrderContext {
  /** Where tasks reach the service. */
  readonly accountUrl: string;
  /** A URL, with rights to read and list, of a container in the account's own storage. */
  readonly containerUrl: (containerName: string) => string;
  /** A URL that a client gave, as nodes have to call it. */
  readonly ownUrl: (url: string) => string;
  /** The token with which a task may call the service. */
  readonly taskToken: (run: TaskRun) => string;
  readonly keeping: KeepingSettings;
}

/** What is kept of runs that do not say themselves what is to be. */
export interface KeepingSettings {
  readonly keptLogs: KeptRuns;
  /** Of each file. */
  readonly keptLogBytes: number;
}

/** The order for a run: everything the agent needs, with no question left to ask. */
export function runOrder(run: Run, context: OrderContext): RunOrder {
  const container = orderedContainer(run);
  return { ...orderOfKind(run, context), ...(container ? { container } : {}) };
}

function orderOfKind(run: Run, context: OrderContext): RunOrder {
  switch (run.kind) {
    case "task":
      return instanceOrTaskOrder(run, context);
    case "startTask":
      return startTaskOrder(run, context);
    case "jobPreparation":
      return preparationOrder(run, context);
    case "jobRelease":
      return releaseOrder(run, context);
    case "packages":
      return packagesOrder(run);
  }
}

/** The containers of the account's own storage that a run's files come from. */
export function autoStorageContainers(run: Run): string[] {
  const files = resourceFilesOf(run) ?? [];
  return [...new Set(files.flatMap(({ autoStorageContainerName }) => autoStorageContainerName ?? []))];
}

function resourceFilesOf(run: Run): readonly ResourceFile[] | undefined {
  switch (run.kind) {
    case "task":
      return [
        ...(run.taskSpec.resourceFiles ?? []),
        ...(run.taskSpec.multiInstanceSettings?.commonResourceFiles ?? []),
      ];
    case "startTask":
      return run.startTask.resourceFiles;
    case "jobPreparation":
      return run.jobSpec.jobPreparationTask?.resourceFiles;
    case "jobRelease":
      return run.jobSpec.jobReleaseTask?.resourceFiles;
    case "packages":
      return [];
  }
}

function instanceOrTaskOrder(run: TaskRun, context: OrderContext): RunOrder {
  const order = taskOrder(run, context);
  const files = run.taskSpec.multiInstanceSettings?.commonResourceFiles ?? [];
  const commonDownloads = files.map((file) => download(file, context));
  return run.instance ? instanceOrder(order, run.taskSpec, { ...run.instance, commonDownloads }) : order;
}

function taskOrder(run: TaskRun, context: OrderContext): RunOrder {
  const { taskSpec: task, jobSpec: job } = run;
  const wallClock = limitSeconds(task.constraints?.maxWallClockTime);
  const retention = limitSeconds(task.constraints?.retentionTime);
  const traceParent = traceParentOfRun(run.traceParent, run.runId);
  return {
    runId: run.runId,
    kind: "task",
    jobId: run.jobId,
    taskId: run.taskId,
    directory: taskDirectory(run.jobId, run.taskId),
    keepsDirectory: run.retryCount > 0,
    commandLine: task.commandLine,
    ...(traceParent === undefined ? {} : { isTraced: true }),
    environment: {
      ...(traceParent === undefined ? {} : { TRACEPARENT: traceParent }),
      ...settings(job.commonEnvironmentSettings),
      ...settings(task.environmentSettings),
      ...placeVariables(run, context),
      AZ_BATCH_JOB_ID: run.jobId,
      AZ_BATCH_TASK_ID: run.taskId,
      ...(task.authenticationTokenSettings?.access?.includes("job")
        ? { AZ_BATCH_AUTHENTICATION_TOKEN: context.taskToken(run) }
        : {}),
    },
    ...(job.jobPreparationTask ? { preparationDirectory: preparationDirectory(run) } : {}),
    ...(run.slots === undefined ? {} : { slots: run.slots, priority: job.priority ?? 0 }),
    user: userOf(task.userIdentity),
    packages: [],
    downloads: (task.resourceFiles ?? []).map((file) => download(file, context)),
    uploads: (task.outputFiles ?? []).map((file) => upload(file, context)),
    ...keepingOf(task, context.keeping),
    ...(wallClock === undefined ? {} : { maxWallClockSeconds: wallClock }),
    ...(retention === undefined ? {} : { retentionSeconds: retention }),
  };
}

function keepingOf(
  { keptLogs = {} }: TaskRun["taskSpec"],
  settings: KeepingSettings,
): { readonly keeping?: OrderedKeeping } {
  const { runs = settings.keptLogs, filePaths = [] } = keptLogs;
  return runs === "none" ? {} : { keeping: { runs, mostBytes: settings.keptLogBytes, filePaths } };
}

function preparationOrder(run: JobRun, context: OrderContext): RunOrder {
  const task = run.jobSpec.jobPreparationTask;
  const wallClock = limitSeconds(task?.constraints?.maxWallClockTime);
  const retention = limitSeconds(task?.constraints?.retentionTime ?? defaultRetention);
  return {
    ...jobRunOrder(run, { commandLine: "", ...task, id: preparationId(run.jobSpec) }, context),
    keepsDirectory: run.retryCount > 0,
    ...(wallClock === undefined ? {} : { maxWallClockSeconds: wallClock }),
    ...(retention === undefined ? {} : { retentionSeconds: retention }),
  };
}

function releaseOrder(run: JobRun, context: OrderContext): RunOrder {
  const task = run.jobSpec.jobReleaseTask;
  const wallClock = limitSeconds(task?.maxWallClockTime ?? defaultReleaseWallClock);
  const retention = limitSeconds(task?.retentionTime ?? defaultRetention);
  return {
    ...jobRunOrder(run, { commandLine: "", ...task, id: releaseId(run.jobSpec) }, context),
    preparationDirectory: preparationDirectory(run),
    ...(wallClock === undefined ? {} : { maxWallClockSeconds: wallClock }),
    ...(retention === undefined ? {} : { retentionSeconds: retention }),
  };
}

/** What the orders of preparation and release tasks have in common. */
function jobRunOrder(
  run: JobRun,
  task: Pick<JobReleaseTask, "commandLine" | "environmentSettings" | "userIdentity" | "resourceFiles"> & { id: string },
  context: OrderContext,
): RunOrder {
  return {
    runId: run.runId,
    kind: run.kind,
    jobId: run.jobId,
    taskId: task.id,
    directory: taskDirectory(run.jobId, task.id),
    keepsDirectory: false,
    commandLine: task.commandLine,
    environment: {
      ...settings(run.jobSpec.commonEnvironmentSettings),
      ...settings(task.environmentSettings),
      ...placeVariables(run, context),
      AZ_BATCH_JOB_ID: run.jobId,
      AZ_BATCH_TASK_ID: task.id,
    },
    user: userOf(task.userIdentity),
    packages: [],
    downloads: (task.resourceFiles ?? []).map((file) => download(file, context)),
    uploads: [],
  };
}

function preparationDirectory({ jobId, jobSpec }: Pick<JobRun, "jobId" | "jobSpec">): string {
  return taskDirectory(jobId, preparationId(jobSpec));
}

function startTaskOrder(run: StartTaskRun, context: OrderContext): RunOrder {
  const { startTask } = run;
  return {
    runId: run.runId,
    kind: "startTask",
    directory: startTaskDirectory,
    keepsDirectory: false,
    commandLine: startTask.commandLine,
    environment: { ...settings(startTask.environmentSettings), ...placeVariables(run, context) },
    user: userOf(startTask.userIdentity),
    packages: [],
    downloads: (startTask.resourceFiles ?? []).map((file) => download(file, context)),
    uploads: [],
  };
}

/** Only packages; they are added where the order is sent. */
function packagesOrder({ runId }: PackageRun): RunOrder {
  return {
    runId,
    kind: "packages",
    directory: packageRunDirectory,
    keepsDirectory: false,
    commandLine: "",
    environment: {},
    user: userOf(undefined),
    packages: [],
    downloads: [],
    uploads: [],
  };
}

function placeVariables(run: Run, { accountUrl }: OrderContext): Record<string, string> {
  return {
    AZ_BATCH_ACCOUNT_NAME: run.accountName,
    AZ_BATCH_ACCOUNT_URL: accountUrl,
    AZ_BATCH_POOL_ID: run.poolId,
    AZ_BATCH_NODE_ID: run.nodeId,
    AZ_BATCH_NODE_IS_DEDICATED: String(run.isDedicated),
  };
}

function settings(list: readonly { name: string; value?: string }[] | undefined): Record<string, string> {
  return Object.fromEntries((list ?? []).map(({ name, value }) => [name, value ?? ""]));
}

function userOf(identity: UserIdentity | undefined): RunUser {
  if (identity?.username !== undefined) return { kind: "named", name: identity.username };
  return {
    kind: "auto",
    scope: identity?.autoUser?.scope ?? "pool",
    elevationLevel: identity?.autoUser?.elevationLevel ?? "nonadmin",
  };
}

function download(file: ResourceFile, { containerUrl, ownUrl }: OrderContext): OrderedDownload {
  const mode = file.fileMode === undefined ? {} : { fileMode: file.fileMode };
  if (file.httpUrl !== undefined)
    return { kind: "url", url: ownUrl(file.httpUrl), filePath: file.filePath ?? lastSegment(file.httpUrl), ...mode };
  return {
    kind: "container",
    url:
      file.storageContainerUrl !== undefined
        ? ownUrl(file.storageContainerUrl)
        : containerUrl(file.autoStorageContainerName ?? ""),
    ...(file.blobPrefix === undefined ? {} : { blobPrefix: file.blobPrefix }),
    ...(file.filePath === undefined ? {} : { directory: file.filePath }),
    ...mode,
  };
}

function lastSegment(url: string): string {
  return decodeURIComponent(new URL(url).pathname.split("/").at(-1) ?? "");
}

function upload(file: OutputFile, { ownUrl }: OrderContext): OrderedUpload {
  const { containerUrl, path, uploadHeaders } = file.destination.container ?? { containerUrl: "" };
  return {
    filePattern: file.filePattern,
    containerUrl: ownUrl(containerUrl),
    ...(path === undefined ? {} : { path }),
    ...(uploadHeaders === undefined ? {} : { uploadHeaders }),
    uploadCondition: file.uploadOptions.uploadCondition,
  };
}
