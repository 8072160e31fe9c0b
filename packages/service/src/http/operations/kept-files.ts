import { extname } from "node:path";
import { Readable } from "node:stream";
import { BatchError, type ByteRange, type fileOperations, type ListedFile } from "@kyanite/contract";
import type { PastFile, PastRun } from "../../domain/run/past-run.ts";
import { isoTime } from "../../domain/time.ts";
import { readExistingTask } from "../../lifecycle/existing.ts";
import {
  type KeptContent,
  type KeptFileParts,
  readInsteadOfNode,
  readKeptFile,
  readLastRun,
} from "../../lifecycle/kept-files.ts";
import type { Conditions } from "../conditions.ts";
import type { Call, Page, Reply } from "../handler.ts";
import { prefixOf } from "./file-prefix.ts";
import { keptList } from "./kept-list.ts";
import { taskUrl } from "./tasks.ts";

type FileCall = Pick<
  Call<typeof fileOperations.File_GetFromTask>,
  "account" | "params" | "range" | "conditions" | "baseUrl"
>;
type ListCall = Pick<
  Call<typeof fileOperations.File_ListFromTask>,
  "account" | "params" | "query" | "list" | "baseUrl"
>;

/** What is said when a node is gone, or the task's directory. A file that somebody has deleted stays deleted. */
const goneCodes: readonly string[] = ["TaskFilesUnavailable", "TaskFilesCleanedup"];

/** Answers from what is kept of a task's last run, where its node cannot. */
export function keptFiles(parts: KeptFileParts) {
  const lastRun = async ({ account, params }: Pick<FileCall, "account" | "params">, gone: BatchError) => {
    const { task } = await readExistingTask(parts.database, account, params);
    const run = await readLastRun(parts.database, task);
    if (run === undefined) throw gone;
    return run;
  };
  const find = async (call: FileCall, gone: BatchError) => {
    const run = await lastRun(call, gone);
    const read = gone.code === "TaskFilesUnavailable" ? readInsteadOfNode : readKeptFile;
    const found = await read(parts, run, normalPath(call.params.filePath));
    if (found === undefined) throw gone;
    return found;
  };
  return {
    insteadOf: (call: FileCall, live: () => Promise<Reply<undefined>>) =>
      orElse(live, async (gone) => keptReply(await find(call, gone), call)),
    insteadOfHead: (call: Omit<FileCall, "range">, live: () => Promise<Reply<undefined>>) =>
      orElse(live, async (gone) => {
        const { headers = {} } = keptReply(await find(call, gone), call);
        return { headers };
      }),
    insteadOfList: ({ query, list, ...call }: ListCall, live: () => Promise<Reply<Page<ListedFile>>>) =>
      orElse(live, async (gone): Promise<Reply<Page<ListedFile>>> => {
        const run = await lastRun({ ...call, params: { ...call.params, filePath: "" } }, gone);
        if (run.files.length === 0) throw gone;
        const asked = { recursive: query.recursive ?? false, prefix: prefixOf(list.filter), ...list };
        const url = `${taskUrl(call.baseUrl, call.params.jobId, call.params.taskId)}/files`;
        const { names, next } = keptList(run.files, asked);
        const items = names.map((name) => listedFile(run.files, name, url));
        return { body: { items, ...(next === undefined ? {} : { next }) }, headers: runHeaders(run) };
      }),
  };
}

async function orElse<Answer>(
  live: () => Promise<Answer>,
  kept: (gone: BatchError) => Promise<Answer>,
): Promise<Answer> {
  try {
    return await live();
  } catch (cause) {
    if (cause instanceof BatchError && goneCodes.includes(cause.code)) return kept(cause);
    throw cause;
  }
}

const normalPath = (path: string) =>
  path
    .split("/")
    .filter((name) => name !== "" && name !== ".")
    .join("/");

/** A kept file as the answer to a request for it. */
export function keptReply(
  kept: KeptContent,
  {
    params,
    range,
    conditions,
    baseUrl,
  }: {
    readonly params: { readonly jobId: string; readonly taskId: string };
    readonly range?: ByteRange;
    readonly conditions: Conditions;
    readonly baseUrl: string;
  },
): Reply<undefined> {
  const { run, file, content } = kept;
  const lastModified = new Date(file.lastModified);
  conditions.check({ lastModified });
  const part = range ? partOf(content, range) : content;
  const url = `${taskUrl(baseUrl, params.jobId, params.taskId)}/files/${encodedPath(file.path)}`;
  return {
    stream: Readable.from(part.length > 0 ? [part] : []),
    headers: {
      "ocp-batch-file-isdirectory": "False",
      "ocp-batch-file-url": encodeURIComponent(url),
      "last-modified": lastModified.toUTCString(),
      "content-type": contentTypeOf(file.path, content),
      "content-length": String(part.length),
      ...runHeaders(run),
      "kyanite-kept-size": String(file.sizeBytes),
      "kyanite-kept-missing": String(file.missingBytes),
    },
  };
}

/** Say that this is not the node's own file, and of which run it is. */
const runHeaders = ({ runId }: PastRun) => ({ "kyanite-kept": "true", "kyanite-kept-run": runId });

function partOf(content: Buffer, { start, end = content.length - 1 }: ByteRange): Buffer {
  if (start >= content.length)
    throw new BatchError("InvalidRange", { Reason: `What is kept of the file has ${content.length} bytes` });
  return content.subarray(start, end + 1);
}

const encodedPath = (path: string) => path.split("/").map(encodeURIComponent).join("/");

const textExtensions = [".txt", ".log", ".out", ".err"];

/** By the same rule as on a node. */
function contentTypeOf(path: string, content: Buffer): string {
  const isText = textExtensions.includes(extname(path).toLowerCase()) || !content.subarray(0, 512).includes(0);
  return isText ? "text/plain" : "application/octet-stream";
}

function listedFile(files: readonly PastFile[], name: string, root: string): ListedFile {
  const file = files.find(({ path }) => path === name);
  const url = `${root}/${encodedPath(name)}`;
  if (file === undefined) return { name, url, isDirectory: true };
  const properties = {
    lastModified: isoTime(new Date(file.lastModified)),
    contentLength: String(file.contentBytes),
  };
  return { name, url, isDirectory: false, properties };
}
