import Type, { type Static } from "typebox";
import { ContainerHostDataPath } from "./containers.ts";

/**
 * The messages between the service and the agent of a host, which serves any number of compute nodes.
 *
 * The agent opens a WebSocket to `/agent/link` with the name and token of one of its nodes (`x-kyanite-node`, bearer
 * token) and its own secret (`x-kyanite-host`). Each node joins the link with a `hello` that has its own token, so that
 * a host speaks for no others. From then on the service sends orders and the agent sends reports: a message is a list of
 * nodes, each with its orders or reports. A report is repeated after each `hello` until the service acknowledges it, and
 * carries the run's id, so that a repeat is harmless. The service refuses a report that it does not understand by
 * itself: the others of its message count, and a run whose end it should tell is lost. Files do not travel over the
 * socket: the agent answers a `files` order with a POST to `/agent/files/{requestId}`, whose body is streamed on to the
 * client.
 */

/** Seven-digit instants are not needed here: ISO 8601 in UTC, milliseconds. */
const Instant = Type.String({ format: "date-time" });

const RunId = Type.String({ format: "uuid" });

/** Why a run could not do its work, in the words of the API (`failureInfo`). */
export const Failure = Type.Object({
  category: Type.Union([Type.Literal("UserError"), Type.Literal("ServerError")]),
  code: Type.String(),
  message: Type.String(),
  details: Type.Array(Type.Object({ name: Type.String(), value: Type.String() })),
});
export type Failure = Static<typeof Failure>;

/** A file, or the blobs of a container, to be downloaded before the command starts. */
export const OrderedDownload = Type.Union([
  Type.Object({
    kind: Type.Literal("url"),
    url: Type.String(),
    filePath: Type.String(),
    fileMode: Type.Optional(Type.String()),
  }),
  Type.Object({
    kind: Type.Literal("container"),
    url: Type.String({ description: "Container URL, with a SAS that allows list and read." }),
    blobPrefix: Type.Optional(Type.String()),
    directory: Type.Optional(
      Type.String({ description: "Relative to the working directory; blob names are kept below it." }),
    ),
    fileMode: Type.Optional(Type.String()),
  }),
]);
export type OrderedDownload = Static<typeof OrderedDownload>;

/** Files to be uploaded after the command has ended. */
export const OrderedUpload = Type.Object({
  filePattern: Type.String(),
  containerUrl: Type.String(),
  path: Type.Optional(Type.String()),
  uploadHeaders: Type.Optional(Type.Array(Type.Object({ name: Type.String(), value: Type.Optional(Type.String()) }))),
  uploadCondition: Type.Union([
    Type.Literal("tasksuccess"),
    Type.Literal("taskfailure"),
    Type.Literal("taskcompletion"),
  ]),
});
export type OrderedUpload = Static<typeof OrderedUpload>;

/** An application package: fetched and unpacked once per node and version. */
export const OrderedPackage = Type.Object({
  applicationId: Type.String(),
  version: Type.String(),
  /** Whether the reference named no version, which decides the environment variable's name. */
  isDefaultVersion: Type.Boolean(),
  /** Tells what is uploaded anew under the same version from what was there before. */
  contentId: Type.String({ pattern: "^[A-Za-z0-9]{1,64}$" }),
  url: Type.String(),
});
export type OrderedPackage = Static<typeof OrderedPackage>;

/** A certificate that a run finds in `AZ_BATCH_CERTIFICATES_DIR`. */
export const OrderedCertificate = Type.Object({
  /** Such as `sha1-<thumbprint>.pfx`; a password goes into a second file, `.pw` at the end. */
  fileName: Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9.-]*$" }),
  /** Base64. */
  data: Type.String(),
  password: Type.Optional(Type.String()),
});
export type OrderedCertificate = Static<typeof OrderedCertificate>;

/** As whom a run runs, on a node that can change users; elsewhere it runs as the agent's own user. */
export const RunUser = Type.Union([
  Type.Object({
    kind: Type.Literal("auto"),
    scope: Type.Union([Type.Literal("pool"), Type.Literal("task")]),
    elevationLevel: Type.Union([Type.Literal("nonadmin"), Type.Literal("admin")]),
  }),
  Type.Object({ kind: Type.Literal("named"), name: Type.String() }),
]);
export type RunUser = Static<typeof RunUser>;

/** An account on a node: of its pool, or of a person. */
export const NodeAccount = Type.Object({
  name: Type.String({ description: "As the API knows it; on its machine the account has a name of its own." }),
  isAdmin: Type.Boolean({ description: "Whether it may become root without a password." }),
  passwordHash: Type.Optional(Type.String({ description: "SHA-512-crypt; no password when absent." })),
  sshPublicKey: Type.Optional(Type.String({ description: "A line of `authorized_keys`." })),
  sshPrivateKey: Type.Optional(Type.String({ description: "Lets it log in to other nodes of its pool." })),
  uid: Type.Optional(Type.Integer()),
  gid: Type.Optional(Type.Integer()),
  expiryTime: Type.Optional(Instant),
});
export type NodeAccount = Static<typeof NodeAccount>;

/** A share that a node's tasks find below `AZ_BATCH_NODE_MOUNTS_DIR`. */
export const NodeMount = Type.Object({
  path: Type.String({ description: "Below the mounts directory." }),
  source: Type.String({ description: "The share, as messages name it." }),
  directory: Type.Optional(
    Type.String({ description: "What stands for it on the machine; absent when nothing does." }),
  ),
});
export type NodeMount = Static<typeof NodeMount>;

/** Where images are pulled from, and with which credential. */
export const OrderedRegistry = Type.Object({
  server: Type.Optional(Type.String({ description: "Docker Hub when absent." })),
  username: Type.Optional(Type.String()),
  password: Type.Optional(Type.String()),
});
export type OrderedRegistry = Static<typeof OrderedRegistry>;

/** The container in which a run takes place. */
export const OrderedContainer = Type.Object({
  imageName: Type.String(),
  runOptions: Type.String({ description: "As the client wrote them." }),
  workingDirectory: Type.Union([Type.Literal("taskWorkingDirectory"), Type.Literal("containerImageDefault")]),
  registries: Type.Array(OrderedRegistry),
  /** What the container sees of the node; its whole root when absent. */
  mounts: Type.Optional(Type.Array(Type.Object({ source: ContainerHostDataPath, isReadOnly: Type.Boolean() }))),
  /** Whether it needs the node's own network, to talk to other nodes. */
  isOnHostNetwork: Type.Optional(Type.Boolean()),
});
export type OrderedContainer = Static<typeof OrderedContainer>;

/** What a node that runs containers has before it takes tasks. */
export const NodeImages = Type.Object({
  imageNames: Type.Array(Type.String()),
  registries: Type.Array(OrderedRegistry),
});
export type NodeImages = Static<typeof NodeImages>;

/** A run of kind `packages` installs its packages and has no command. */
export const runKinds = ["startTask", "task", "jobPreparation", "jobRelease", "subtask", "packages"] as const;
export type RunKind = (typeof runKinds)[number];

/** Everything an agent needs for one run, with no question left to ask. */
export const RunOrder = Type.Object({
  runId: RunId,
  kind: Type.Enum(runKinds),
  jobId: Type.Optional(Type.String()),
  taskId: Type.Optional(Type.String()),
  directory: Type.String({
    description: "Task directory relative to the node's root, for example workitems/j/job-1/t.",
  }),
  /** On a retry the working directory is kept as the last run left it. */
  keepsDirectory: Type.Boolean(),
  /** Empty for a subtask, which has only a coordination command. */
  commandLine: Type.String(),
  /**
   * For an instance of a multi-instance task: runs before the command and in the same directory. What it leaves in the
   * background lives as long as the run. When it has succeeded the agent reports `coordinated` and waits: the primary
   * for `proceed`, a subtask for `cancel`.
   */
  coordinationCommandLine: Type.Optional(Type.String()),
  /** Job and task settings, and every `AZ_BATCH_*` variable that does not depend on where the node's root is. */
  environment: Type.Record(Type.String(), Type.String()),
  /** Directory of the job's preparation task, when the job has one. */
  preparationDirectory: Type.Optional(Type.String()),
  /** `AZ_BATCH_TASK_SHARED_DIR` of an instance of a multi-instance task, relative to the node's root. */
  sharedDirectory: Type.Optional(Type.String()),
  user: RunUser,
  /** Absent for a run that is processes of the node itself. */
  container: Type.Optional(OrderedContainer),
  packages: Type.Array(OrderedPackage),
  certificates: Type.Optional(Type.Array(OrderedCertificate)),
  downloads: Type.Array(OrderedDownload),
  /** Downloaded into the shared directory before the command. */
  commonDownloads: Type.Optional(Type.Array(OrderedDownload)),
  uploads: Type.Array(OrderedUpload),
  /**
   * How many of the node's slots it takes: it begins as soon as they are free. A run without begins at once, and takes
   * none.
   */
  slots: Type.Optional(Type.Integer()),
  /** Of the runs that wait for slots those of the highest go first, and of equal ones those that came first. */
  priority: Type.Optional(Type.Integer()),
  maxWallClockSeconds: Type.Optional(Type.Number()),
  /** How long the directory stays after the run has ended; for ever when absent. */
  retentionSeconds: Type.Optional(Type.Number()),
});
export type RunOrder = Static<typeof RunOrder>;

const ExitCode = Type.Integer({ minimum: -(2 ** 31), maximum: 2 ** 31 - 1 });

/**
 * How a run ended. `exited`: the command ran to its end by itself. `ended`: it was killed, because its wall clock ran
 * out or because the service asked. `failed`: the command never started. Times are the node's.
 */
export const RunExit = Type.Union([
  Type.Object({
    kind: Type.Literal("exited"),
    exitCode: ExitCode,
    /** Why the command ended so, when that is known. */
    failure: Type.Optional(Failure),
    /** Set when an output file could not be uploaded; the exit code stays what it was. */
    uploadFailure: Type.Optional(Failure),
  }),
  Type.Object({
    kind: Type.Literal("ended"),
    reason: Type.Union([Type.Literal("wallClock"), Type.Literal("cancelled")]),
    exitCode: Type.Optional(ExitCode),
  }),
  Type.Object({ kind: Type.Literal("failed"), failure: Failure }),
]);
export type RunExit = Static<typeof RunExit>;

/** A run that never began, because its slots did not become free soon: its task may run elsewhere. */
export const RunReturn = Type.Object({ kind: Type.Literal("returned") });
export type RunReturn = Static<typeof RunReturn>;

/**
 * A run of which nobody can say how it ended, through a fault of the node or of the service: its task runs again, as if
 * the node were lost.
 */
export const RunLoss = Type.Object({ kind: Type.Literal("lost"), reason: Type.String() });
export type RunLoss = Static<typeof RunLoss>;

/** How a run was over, whether or not it came to an end of its own. */
export type RunOutcome = RunExit | RunReturn | RunLoss;

/** The container of a run, in the words of the API (`containerInfo`). */
export const RunContainer = Type.Object({
  containerId: Type.String(),
  state: Type.Union([Type.Literal("created"), Type.Literal("running"), Type.Literal("exited")]),
  error: Type.Optional(Type.String()),
});
export type RunContainer = Static<typeof RunContainer>;

/** Utilisation of the node since the last sample; feeds autoscale and metrics. */
export const NodeSample = Type.Object({
  at: Instant,
  cpuPercent: Type.Number(),
  memoryUsedBytes: Type.Number(),
  memoryTotalBytes: Type.Number(),
  diskReadBytes: Type.Number(),
  diskWriteBytes: Type.Number(),
  diskReadOperations: Type.Number(),
  diskWriteOperations: Type.Number(),
  networkInBytes: Type.Number(),
  networkOutBytes: Type.Number(),
  diskFreeBytes: Type.Number(),
  diskTotalBytes: Type.Optional(Type.Number()),
});
export type NodeSample = Static<typeof NodeSample>;

/** What the agent sends. */
export const AgentReport = Type.Union([
  Type.Object({
    type: Type.Literal("hello"),
    /** Of the node. */
    token: Type.String(),
    /** The name of the provider that has started the host, and what its owner says of it. */
    provider: Type.String(),
    labels: Type.Record(Type.String(), Type.String()),
    agentVersion: Type.String(),
    bootTime: Instant,
    ipAddress: Type.String(),
    cores: Type.Integer(),
    memoryBytes: Type.Number(),
    /** Runs this agent holds: still running, or finished and not yet acknowledged. */
    runIds: Type.Array(Type.String()),
    /** The last restart that this agent has carried out. */
    restartId: Type.Optional(Type.String()),
    /** Whether the agent may make accounts on its machine. */
    managesUsers: Type.Optional(Type.Boolean()),
  }),
  Type.Object({ type: Type.Literal("heartbeat"), sample: Type.Optional(NodeSample) }),
  Type.Object({ type: Type.Literal("started"), runId: RunId, startTime: Instant }),
  /** The run is in a container; repeated after each reconnect while the run lasts. */
  Type.Object({ type: Type.Literal("contained"), runId: RunId, container: RunContainer }),
  /** The coordination command of an instance has succeeded; repeated after each reconnect while the run lasts. */
  Type.Object({ type: Type.Literal("coordinated"), runId: RunId }),
  Type.Object({
    type: Type.Literal("finished"),
    runId: RunId,
    startTime: Instant,
    endTime: Instant,
    exit: Type.Union([RunExit, RunReturn, RunLoss]),
    container: Type.Optional(RunContainer),
    /** Whether the node has other runs to begin: then nobody waits for this report to be recorded. */
    isBusy: Type.Optional(Type.Boolean()),
  }),
  /** The node has what it was to be given, or why it has not. */
  Type.Object({ type: Type.Literal("setUp"), setupId: Type.String(), failure: Type.Optional(Failure) }),
  /** Something is wrong with the node itself, for example `DiskFull`. */
  Type.Object({ type: Type.Literal("nodeError"), failure: Failure }),
  /** What was wrong with the node itself is over: what a `nodeError` of this code has said. */
  Type.Object({ type: Type.Literal("nodeRecovered"), code: Type.String() }),
  /** The host does not serve the node any more. */
  Type.Object({ type: Type.Literal("leave") }),
]);
export type AgentReport = Static<typeof AgentReport>;

/** One message from the agent. */
export const AgentMessage = Type.Array(Type.Object({ nodeId: Type.String(), reports: Type.Array(AgentReport) }));

/** What the runs of a node may take, as far as its machine can hold them to it; what is absent has no limit. */
export const NodeLimits = Type.Object({
  processesPerSlot: Type.Optional(Type.Integer({ description: "Processes and threads." })),
  memoryBytes: Type.Optional(Type.Integer({ description: "Of all slots together." })),
  cores: Type.Optional(Type.Number({ description: "Of all slots together." })),
});
export type NodeLimits = Static<typeof NodeLimits>;

/** What is asked of a node and answered at once: its files, and a few things more. */
export const NodeRequest = Type.Union([
  Type.Object({
    operation: Type.Literal("list"),
    path: Type.String(),
    recursive: Type.Boolean(),
    prefix: Type.Optional(Type.String({ description: "What names below the path begin with." })),
    after: Type.Optional(Type.String({ description: "`next` of the page before." })),
    limit: Type.Optional(Type.Integer({ description: "1,000 when absent." })),
  }),
  Type.Object({ operation: Type.Literal("stat"), path: Type.String() }),
  Type.Object({
    operation: Type.Literal("read"),
    path: Type.String(),
    /** First byte, and last byte inclusive; the whole file when absent. */
    start: Type.Optional(Type.Integer()),
    end: Type.Optional(Type.Integer()),
  }),
  Type.Object({ operation: Type.Literal("delete"), path: Type.String(), recursive: Type.Boolean() }),
  /** Uploads, in the background, the logs that were written between two instants. */
  Type.Object({
    operation: Type.Literal("uploadLogs"),
    containerUrl: Type.String({ description: "With a SAS that allows writing." }),
    directory: Type.String({ description: "Begins the blobs' names." }),
    startTime: Instant,
    endTime: Type.Optional(Instant),
  }),
  /** Asks where a person can log in. */
  Type.Object({ operation: Type.Literal("findLogin") }),
]);
export type NodeRequest = Static<typeof NodeRequest>;
export type FilesRequest = Exclude<NodeRequest, { operation: "uploadLogs" | "findLogin" }>;

/** What the service sends. */
export const ServiceOrder = Type.Union([
  Type.Object({
    type: Type.Literal("welcome"),
    /** How many the node has for runs to take. */
    slots: Type.Integer(),
    limits: Type.Optional(NodeLimits),
    heartbeatSeconds: Type.Number(),
    sampleSeconds: Type.Number(),
  }),
  Type.Object({ type: Type.Literal("run"), order: RunOrder }),
  /** All instances of the run's task are coordinated: its command may start. A repeat is harmless. */
  Type.Object({ type: Type.Literal("proceed"), runId: Type.String() }),
  /** Ends a run and everything it started; it is reported as `ended`, `cancelled`. */
  Type.Object({ type: Type.Literal("cancel"), runId: Type.String() }),
  /** These finished runs are recorded: the agent may forget them. */
  Type.Object({ type: Type.Literal("acknowledge"), runIds: Type.Array(Type.String()) }),
  /** Removes a directory below the root, for example that of a deleted task. */
  Type.Object({ type: Type.Literal("removeDirectory"), directory: Type.String() }),
  Type.Object({
    type: Type.Literal("files"),
    requestId: Type.String({ format: "uuid" }),
    request: NodeRequest,
  }),
  /** Gives the node these accounts and mounts and no others, and images; it reports when that is done. A repeat is harmless. */
  Type.Object({
    type: Type.Literal("setUp"),
    setupId: Type.String({ format: "uuid" }),
    accounts: Type.Array(NodeAccount),
    mounts: Type.Array(NodeMount),
    /** Absent for a node that runs no containers. */
    images: Type.Optional(NodeImages),
  }),
  /**
   * Kills every run without a report, since what becomes of the tasks is decided by who restarts the node, and says
   * `hello` again with a new boot time and this restart's id. `erase` empties the root directory as well. A restart
   * that was carried out before is not repeated.
   */
  Type.Object({ type: Type.Literal("restart"), restartId: Type.String({ format: "uuid" }), erase: Type.Boolean() }),
  /** The node was given up: it has to say `hello` again before it gets anything to do. */
  Type.Object({ type: Type.Literal("greet") }),
  /** There is no such node, or not any more: the host ends it and takes away all that it has. */
  Type.Object({ type: Type.Literal("dismiss") }),
]);
export type ServiceOrder = Static<typeof ServiceOrder>;

/** One message from the service. */
export const ServiceMessage = Type.Array(Type.Object({ nodeId: Type.String(), orders: Type.Array(ServiceOrder) }));

/** One file or directory, as an agent describes it. `name` is relative to the node's root, with `/`. */
export const NodeFile = Type.Object({
  name: Type.String(),
  isDirectory: Type.Boolean(),
  contentLength: Type.Optional(Type.Integer()),
  lastModified: Type.Optional(Instant),
  contentType: Type.Optional(Type.String()),
  /** Such as 0o100644. */
  fileMode: Type.Optional(Type.String()),
});
export type NodeFile = Static<typeof NodeFile>;

/** Answer to `list`: a page. */
export const FileList = Type.Object({
  files: Type.Array(NodeFile),
  /** Where the next page begins, below the path of the list; a page may end before it is full. */
  next: Type.Optional(Type.String()),
});
export type FileList = Static<typeof FileList>;

/** Answer to `uploadLogs`: how many files will be uploaded. */
export const LogsAnswer = Type.Object({ files: Type.Integer() });
export type LogsAnswer = Static<typeof LogsAnswer>;

/** Answer to `findLogin`: where an SSH server has just answered; empty when none has. */
export const LoginAnswer = Type.Object({
  login: Type.Optional(
    Type.Object({
      address: Type.String(),
      port: Type.Integer(),
      /** What the machine adds to the name of an account of this node. */
      userSuffix: Type.Optional(Type.String()),
    }),
  ),
});
export type LoginAnswer = Static<typeof LoginAnswer>;

/**
 * The agent's answer to a `files` order, as JSON in the header `kyanite-files` (base64url) of its POST. For `read` the POST's body is
 * the bytes; for `list` the body is a {@link FileList}, for `uploadLogs` a {@link LogsAnswer}, for `findLogin` a {@link LoginAnswer}.
 */
export const FilesAnswer = Type.Union([
  Type.Object({ outcome: Type.Literal("ok"), file: Type.Optional(NodeFile) }),
  Type.Object({
    outcome: Type.Literal("error"),
    code: Type.Union([
      Type.Literal("FileNotFound"),
      Type.Literal("InvalidRange"),
      Type.Literal("IOError"),
      Type.Literal("OperationInvalidForCurrentState"),
      /** The node is out of reach, as one server tells another. */
      Type.Literal("TaskFilesUnavailable"),
    ]),
    reason: Type.String(),
  }),
]);
export type FilesAnswer = Static<typeof FilesAnswer>;
