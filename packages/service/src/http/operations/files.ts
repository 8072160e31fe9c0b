import { addAbortSignal, type Readable } from "node:stream";
import { json } from "node:stream/consumers";
import {
  BatchError,
  type ByteRange,
  FileList,
  type FilesRequest,
  type fileOperations,
  type ListedFile,
  type NodeFile,
} from "@kyanite/contract";
import Value from "typebox/value";
import type { Account } from "../../domain/account/account.ts";
import { taskDirectory } from "../../domain/run/directories.ts";
import { isRetentionOver } from "../../domain/task/retention.ts";
import { isoTime } from "../../domain/time.ts";
import { readExistingNode, readExistingTask } from "../../lifecycle/existing.ts";
import type { Database } from "../../store/database.ts";
import { readNodeById, readNodeByPk } from "../../store/nodes.ts";
import type { NodeFiles } from "../agents/node-files.ts";
import type { HandlerContext, OperationHandlers } from "../context.ts";
import type { Call, ListRequest, Page } from "../handler.ts";
import { followNodeFile, followStart, followTask } from "../logs/answer.ts";
import { belowRoot } from "../logs/paths.ts";
import { prefixOf } from "./file-prefix.ts";
import { keptFiles } from "./kept-files.ts";
import { poolUrl } from "./pools.ts";
import { taskUrl } from "./tasks.ts";

/** A directory on a node whose files a client may see: a task's, or the node's root. */
interface Root {
  readonly nodePk: number;
  /** Below the node's root; empty for the root itself. */
  readonly directory: string;
  /** URL of the files of this root. */
  readonly url: string;
  /** Whether the time is over for which the files had to be kept. */
  readonly isCleanedUp: boolean;
}

export const fileHandlers = (context: HandlerContext) => {
  const { database, nodeFiles, storage } = context;
  const kept = keptFiles({ database, storage });
  return {
    File_ListFromTask: async (call) => {
      const { account, params, query, list, baseUrl, signal, now } = call;
      return kept.insteadOfList(call, async () => ({
        body: await listFiles(
          nodeFiles,
          await taskRoot(database, account, params, { baseUrl, now }),
          query.recursive ?? false,
          list,
          signal,
        ),
      }));
    },
    File_GetFromTask: async (call) => {
      if (call.eventStream) return followTaskFile(context, call);
      return kept.insteadOf(call, () => followTaskFile(context, call));
    },
    File_GetPropertiesFromTask: async (call) => {
      const { account, params, conditions, baseUrl, signal, now } = call;
      return kept.insteadOfHead(call, async () =>
        describeFile(nodeFiles, await taskRoot(database, account, params, { baseUrl, now }), {
          path: params.filePath,
          conditions,
          signal,
        }),
      );
    },
    File_DeleteFromTask: async ({ account, params, query, baseUrl, signal, now }) =>
      deleteFile(
        nodeFiles,
        await taskRoot(database, account, params, { baseUrl, now }),
        params.filePath,
        query.recursive ?? false,
        signal,
      ),

    File_ListFromComputeNode: async ({ account, params, query, list, baseUrl, signal }) => ({
      body: await listFiles(
        nodeFiles,
        await nodeRoot(database, account, params, baseUrl),
        query.recursive ?? false,
        list,
        signal,
      ),
    }),
    File_GetFromComputeNode: async (call) => {
      const { account, params, query, range, conditions, baseUrl, signal } = call;
      const start = followStart(query, range);
      const root = await nodeRoot(database, account, params, baseUrl);
      if (query.follow) {
        const { nodePk } = root;
        const isThere = async () => (await readNodeByPk(database, nodePk)) !== undefined;
        return followNodeFile({ nodePk, path: belowRoot(params.filePath), start, isThere }, call, context);
      }
      return readFile(nodeFiles, root, { path: params.filePath, range, tail: query.tail, conditions, signal });
    },
    File_GetPropertiesFromComputeNode: async ({ account, params, conditions, baseUrl, signal }) =>
      describeFile(nodeFiles, await nodeRoot(database, account, params, baseUrl), {
        path: params.filePath,
        conditions,
        signal,
      }),
    File_DeleteFromComputeNode: async ({ account, params, query, baseUrl, signal }) =>
      deleteFile(
        nodeFiles,
        await nodeRoot(database, account, params, baseUrl),
        params.filePath,
        query.recursive ?? false,
        signal,
      ),
  } satisfies OperationHandlers;
};

/** Reads a file of a task on its node. */
export async function readTaskFile(
  { database, nodeFiles }: Pick<HandlerContext, "database" | "nodeFiles">,
  { account, params, range, conditions, baseUrl, signal, now }: TaskFileCall,
  tail?: number,
) {
  const root = await taskRoot(database, account, params, { baseUrl, now });
  return readFile(nodeFiles, root, { path: params.filePath, range, tail, conditions, signal });
}

type TaskFileCall = Pick<
  Call<typeof fileOperations.File_GetFromTask>,
  "account" | "params" | "range" | "conditions" | "baseUrl" | "signal" | "now"
>;

/** Reads a file of a task, or follows it. */
async function followTaskFile(context: HandlerContext, call: Call<typeof fileOperations.File_GetFromTask>) {
  const { account, params, query, range, now } = call;
  const start = followStart(query, range);
  if (!query.follow) return readTaskFile(context, call, query.tail);
  const { job, task } = await readExistingTask(context.database, account, params);
  const followed = {
    task,
    directory: taskDirectory(job.id, task.id),
    files: [belowRoot(params.filePath)],
    isLive: true,
    retries: query.retries ?? false,
    start,
    isCleanedUp: isRetentionOver(task, now),
  };
  return followTask(followed, call, context);
}

async function taskRoot(
  database: Database,
  account: Account,
  ids: { jobId: string; taskId: string },
  { baseUrl, now }: { readonly baseUrl: string; readonly now: Date },
): Promise<Root> {
  const { job, task } = await readExistingTask(database, account, ids);
  const node = task.nodeInfo ? await readNodeById(database, task.nodeInfo.nodeId) : undefined;
  if (!node)
    throw new BatchError("TaskFilesUnavailable", {
      Reason: task.nodeInfo
        ? "The compute node on which the task ran is gone"
        : "The task has not run on a compute node",
    });
  return {
    nodePk: node.pk,
    directory: taskDirectory(job.id, task.id),
    url: `${taskUrl(baseUrl, job.id, task.id)}/files`,
    isCleanedUp: isRetentionOver(task, now),
  };
}

async function nodeRoot(
  database: Database,
  account: Account,
  ids: { poolId: string; nodeId: string },
  baseUrl: string,
): Promise<Root> {
  const { pool, node } = await readExistingNode(database, account, ids);
  return {
    nodePk: node.pk,
    directory: "",
    url: `${poolUrl(baseUrl, pool.id)}/nodes/${node.id}/files`,
    isCleanedUp: false,
  };
}

/** Asks a node for a file. If the file is missing and its retention time is over, it has been deleted. */
async function ask(nodeFiles: NodeFiles, root: Root, request: FilesRequest, signal: AbortSignal) {
  try {
    return await nodeFiles.request(root.nodePk, request, signal);
  } catch (cause) {
    const isGone = root.isCleanedUp && cause instanceof BatchError && cause.code === "FileNotFound";
    throw isGone ? new BatchError("TaskFilesCleanedup") : cause;
  }
}

async function listFiles(
  nodeFiles: NodeFiles,
  root: Root,
  recursive: boolean,
  { filter, limit, after }: ListRequest,
  signal: AbortSignal,
): Promise<Page<ListedFile>> {
  const prefix = prefixOf(filter);
  const request = {
    operation: "list",
    path: root.directory,
    recursive,
    limit,
    ...(prefix === undefined ? {} : { prefix }),
    ...(after === undefined ? {} : { after }),
  } as const;
  const { body } = await ask(nodeFiles, root, request, signal);
  const { files, next } = await readList(body, signal);
  return { items: files.map((file) => listedFile(file, root)), ...(next === undefined ? {} : { next }) };
}

/** A list ends with its client, and is a list or nothing. */
async function readList(body: Readable, signal: AbortSignal): Promise<FileList> {
  try {
    return Value.Parse(FileList, await json(addAbortSignal(signal, body)));
  } catch (cause) {
    signal.throwIfAborted();
    throw new BatchError("IOError", { Reason: "The compute node did not send the whole list" }, { cause });
  }
}

interface FileRequest {
  readonly path: string;
  readonly range?: ByteRange | undefined;
  /** Only so many of the last bytes are wanted. */
  readonly tail?: number | undefined;
  readonly conditions: { check(entity: { readonly lastModified: Date }): void };
  readonly signal: AbortSignal;
}

async function readFile(nodeFiles: NodeFiles, root: Root, request: FileRequest) {
  const { path, conditions, signal } = request;
  const range = request.range ?? (await tailOf(nodeFiles, root, request));
  const order: FilesRequest = {
    operation: "read",
    path: below(root, path),
    ...(range ? { start: range.start, ...(range.end === undefined ? {} : { end: range.end }) } : {}),
  };
  const { answer, body } = await ask(nodeFiles, root, order, signal);
  if (answer.file?.lastModified !== undefined) conditions.check({ lastModified: new Date(answer.file.lastModified) });
  return { stream: body, headers: fileHeaders(partOf(answer.file, range), root) };
}

/** The range of a file's last bytes; undefined for all of it. */
async function tailOf(
  nodeFiles: NodeFiles,
  root: Root,
  { path, tail, signal }: FileRequest,
): Promise<ByteRange | undefined> {
  if (tail === undefined) return undefined;
  const { answer, body } = await ask(nodeFiles, root, { operation: "stat", path: below(root, path) }, signal);
  body.resume();
  const start = Math.max(0, (answer.file?.contentLength ?? 0) - tail);
  return start === 0 ? undefined : { start };
}

/** The length that is answered is that of the part. */
function partOf(file: NodeFile | undefined, range: ByteRange | undefined): NodeFile | undefined {
  if (file?.contentLength === undefined || !range) return file;
  const last = Math.min(range.end ?? file.contentLength - 1, file.contentLength - 1);
  return { ...file, contentLength: last - range.start + 1 };
}

async function describeFile(nodeFiles: NodeFiles, root: Root, { path, conditions, signal }: FileRequest) {
  const { answer, body } = await ask(nodeFiles, root, { operation: "stat", path: below(root, path) }, signal);
  body.resume();
  if (answer.file?.lastModified !== undefined) conditions.check({ lastModified: new Date(answer.file.lastModified) });
  return { headers: fileHeaders(answer.file, root) };
}

async function deleteFile(nodeFiles: NodeFiles, root: Root, path: string, recursive: boolean, signal: AbortSignal) {
  const { body } = await ask(nodeFiles, root, { operation: "delete", path: below(root, path), recursive }, signal);
  body.resume();
  return {};
}

function below(root: Root, path: string): string {
  return [root.directory, belowRoot(path)].filter((part) => part !== "").join("/");
}

function fileHeaders(file: NodeFile | undefined, root: Root): Record<string, string> {
  if (!file) return {};
  const { url } = nameAndUrl(file, root);
  return {
    "ocp-batch-file-isdirectory": file.isDirectory ? "True" : "False",
    "ocp-batch-file-url": encodeURIComponent(url),
    ...(file.lastModified === undefined ? {} : { "last-modified": new Date(file.lastModified).toUTCString() }),
    ...(file.fileMode === undefined ? {} : { "ocp-batch-file-mode": file.fileMode }),
    "content-type": file.contentType ?? "application/octet-stream",
    ...(file.contentLength === undefined ? {} : { "content-length": String(file.contentLength) }),
  };
}

function listedFile(file: NodeFile, root: Root): ListedFile & { readonly name: string } {
  const { name, url } = nameAndUrl(file, root);
  if (file.isDirectory) return { name, url, isDirectory: true };
  return {
    name,
    url,
    isDirectory: false,
    properties: {
      lastModified: isoTime(new Date(file.lastModified ?? 0)),
      contentLength: String(file.contentLength ?? 0),
      ...(file.contentType === undefined ? {} : { contentType: file.contentType }),
      ...(file.fileMode === undefined ? {} : { fileMode: file.fileMode }),
    },
  };
}

function nameAndUrl({ name: fullName }: NodeFile, root: Root) {
  const name = root.directory === "" ? fullName : fullName.slice(root.directory.length + 1);
  return { name, url: `${root.url}/${name.split("/").map(encodeURIComponent).join("/")}` };
}
