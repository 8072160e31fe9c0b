import Type, { type Static } from "typebox";
import { followed, followedOverRuns } from "./following.ts";
import { operation } from "./operation.ts";
import { filtered, recursive } from "./queries.ts";
import { DateTime, Int64, model, optional } from "./schema.ts";

export const FileProperties = model("FileProperties", "Facts about a file.", {
  creationTime: optional(DateTime(), "Windows only."),
  lastModified: DateTime(),
  contentLength: Int64(),
  contentType: optional(Type.String()),
  fileMode: optional(Type.String(), "Octal; Linux only."),
});
export type FileProperties = Static<typeof FileProperties>;

export const ListedFile = model("NodeFile", "A file or directory on a node.", {
  name: optional(Type.String(), "Relative to the root of the list."),
  url: optional(Type.String()),
  isDirectory: optional(Type.Boolean()),
  properties: optional(FileProperties, "Absent for a directory."),
});
export type ListedFile = Static<typeof ListedFile>;

const ofTask = "/jobs/{jobId}/tasks/{taskId}/files";
const ofNode = "/pools/{poolId}/nodes/{nodeId}/files";

const noTaskFiles = ["JobNotFound", "TaskNotFound", "TaskFilesUnavailable", "TaskFilesCleanedup"] as const;
const noNodeFiles = ["PoolNotFound", "NodeNotFound", "NodeStateUnusable", "OperationNotValidOnNode"] as const;
const noFile = ["FileNotFound", "IOError"] as const;

export const fileOperations = {
  File_DeleteFromTask: operation({
    newName: "Tasks_DeleteTaskFile",
    summary: "Deletes a file or directory of a task",
    method: "DELETE",
    path: `${ofTask}/{filePath}`,
    access: "submit",
    withinJob: true,
    query: recursive,
    status: 200,
    errors: [...noTaskFiles, ...noFile, "OperationInvalidForCurrentState"],
  }),
  File_GetFromTask: operation({
    newName: "Tasks_GetTaskFile",
    summary: "Gets a file of a task, or a range of it",
    method: "GET",
    path: `${ofTask}/{filePath}`,
    access: "read",
    withinJob: true,
    query: followedOverRuns,
    eventStream: true,
    conditions: "dates",
    range: true,
    status: 200,
    shape: "stream",
    errors: [...noTaskFiles, ...noFile, "OperationInvalidForCurrentState"],
  }),
  File_GetPropertiesFromTask: operation({
    newName: "Tasks_GetTaskFileProperties",
    summary: "Gets the properties of a file of a task, as headers",
    method: "HEAD",
    path: `${ofTask}/{filePath}`,
    access: "read",
    withinJob: true,
    conditions: "dates",
    status: 200,
    errors: [...noTaskFiles, ...noFile],
  }),
  File_DeleteFromComputeNode: operation({
    newName: "Nodes_DeleteNodeFile",
    summary: "Deletes a file or directory on a node",
    method: "DELETE",
    path: `${ofNode}/{filePath}`,
    access: "operate",
    query: recursive,
    status: 200,
    errors: [...noNodeFiles, ...noFile, "OperationInvalidForCurrentState"],
  }),
  File_GetFromComputeNode: operation({
    newName: "Nodes_GetNodeFile",
    summary: "Gets a file on a node, or a range of it",
    method: "GET",
    path: `${ofNode}/{filePath}`,
    access: "read",
    query: followed,
    eventStream: true,
    conditions: "dates",
    range: true,
    status: 200,
    shape: "stream",
    errors: [...noNodeFiles, ...noFile, "OperationInvalidForCurrentState"],
  }),
  File_GetPropertiesFromComputeNode: operation({
    newName: "Nodes_GetNodeFileProperties",
    summary: "Gets the properties of a file on a node, as headers",
    method: "HEAD",
    path: `${ofNode}/{filePath}`,
    access: "read",
    conditions: "dates",
    status: 200,
    errors: [...noNodeFiles, ...noFile],
  }),
  File_ListFromTask: operation({
    newName: "Tasks_ListTaskFiles",
    summary: "Lists the files of a task",
    method: "GET",
    path: ofTask,
    access: "read",
    withinJob: true,
    query: { ...filtered, ...recursive },
    status: 200,
    response: ListedFile,
    shape: "list",
    set: "files",
    errors: noTaskFiles,
  }),
  File_ListFromComputeNode: operation({
    newName: "Nodes_ListNodeFiles",
    summary: "Lists the files on a node",
    method: "GET",
    path: ofNode,
    access: "read",
    query: { ...filtered, ...recursive },
    status: 200,
    response: ListedFile,
    shape: "list",
    set: "files",
    errors: noNodeFiles,
  }),
};
