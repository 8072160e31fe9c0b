import Type, { type Static } from "typebox";
import { Instant } from "./values.ts";

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
  /** Reads a file to its end, and on while it is written; the answer's body is frames. */
  Type.Object({
    operation: Type.Literal("follow"),
    path: Type.String(),
    start: Type.Optional(Type.Integer({ description: "First byte; 0 when absent." })),
    tail: Type.Optional(Type.Integer({ description: "Begins so many bytes before the end instead." })),
    isLive: Type.Boolean({ description: "Whether what is appended is wanted, and not only what is there." }),
    runId: Type.Optional(
      Type.String({ description: "Waits until this run's command has begun and the file is there, and ends with it." }),
    ),
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
 * the bytes; for `follow` it is frames (`follow-frames.ts`); for `list` the body is a {@link FileList}, for `uploadLogs` a {@link LogsAnswer}, for `findLogin` a {@link LoginAnswer}.
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
