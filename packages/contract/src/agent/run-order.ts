import Type, { type Static } from "typebox";
import { ContainerHostDataPath } from "../containers.ts";
import { OrderedKeeping } from "./kept-files.ts";
import { Instant, RunId } from "./values.ts";

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
  /** Absent when nothing of the run is kept. */
  keeping: Type.Optional(OrderedKeeping),
  /**
   * How many of the node's slots it takes: it begins as soon as they are free. A run without begins at once, and takes
   * none.
   */
  slots: Type.Optional(Type.Integer()),
  /** Of the runs that wait for slots those of the highest go first, and of equal ones those that came first. */
  priority: Type.Optional(Type.Integer()),
  maxWallClockSeconds: Type.Optional(Type.Number()),
  /** Whether its end tells when it took which step, noteworthy or not. */
  isTraced: Type.Optional(Type.Boolean()),
  /** How long the directory stays after the run has ended; for ever when absent. */
  retentionSeconds: Type.Optional(Type.Number()),
});
export type RunOrder = Static<typeof RunOrder>;
