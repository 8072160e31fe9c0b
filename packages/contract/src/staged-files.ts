import Type, { type Static } from "typebox";
import { ComputeNodeIdentityReference } from "./containers.ts";
import { model, optional, required, StringEnum } from "./schema.ts";

/** Files that a run gets before its command starts and leaves after it has ended. */

export const ResourceFile = model("ResourceFile", "One file, or the blobs of a container, given to a run.", {
  autoStorageContainerName: optional(Type.String(), "Container in the storage account linked to the Batch account."),
  storageContainerUrl: optional(Type.String(), "Container whose blobs may be listed and read."),
  httpUrl: optional(Type.String(), "A single file."),
  blobPrefix: optional(Type.String(), "Only blobs whose names start so."),
  filePath: optional(
    Type.String(),
    "File name for `httpUrl`, directory for a container; relative to the working directory.",
  ),
  fileMode: optional(Type.String({ pattern: "^(0o)?[0-7]{1,6}$" }), "Octal; Linux only."),
  identityReference: optional(ComputeNodeIdentityReference),
});
export type ResourceFile = Static<typeof ResourceFile>;

export const HttpHeader = model("HttpHeader", "A header sent along with an upload.", {
  name: Type.String(),
  value: optional(Type.String()),
});
export type HttpHeader = Static<typeof HttpHeader>;

export const OutputFileUploadCondition = StringEnum(["tasksuccess", "taskfailure", "taskcompletion"]);
export type OutputFileUploadCondition = Static<typeof OutputFileUploadCondition>;

export const OutputFileBlobContainerDestination = model(
  "OutputFileBlobContainerDestination",
  "A blob container that takes output files.",
  {
    path: optional(
      Type.String(),
      "Blob name, or with a wildcard pattern the virtual directory before the file's path.",
    ),
    containerUrl: required(Type.String(), "With a signature that allows writing, unless an identity is given."),
    identityReference: optional(ComputeNodeIdentityReference),
    uploadHeaders: optional(Type.Array(HttpHeader)),
  },
);
export type OutputFileBlobContainerDestination = Static<typeof OutputFileBlobContainerDestination>;

export const OutputFileDestination = model("OutputFileDestination", "Where output files go.", {
  container: optional(OutputFileBlobContainerDestination),
});
export type OutputFileDestination = Static<typeof OutputFileDestination>;

export const OutputFileUploadOptions = model("OutputFileUploadOptions", "When output files are uploaded.", {
  uploadCondition: OutputFileUploadCondition,
});
export type OutputFileUploadOptions = Static<typeof OutputFileUploadOptions>;

export const OutputFile = model("OutputFile", "Files of a task that are uploaded when its command has ended.", {
  filePattern: required(Type.String(), "May hold `*`, `**`, `?` and `[…]`; relative to the working directory."),
  destination: OutputFileDestination,
  uploadOptions: OutputFileUploadOptions,
});
export type OutputFile = Static<typeof OutputFile>;
