import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { BatchError, FilesAnswer, type NodeRequest } from "@kyanite/contract";
import Value from "typebox/value";

/** What an agent answered; the body is still on its way and has to be consumed or destroyed. */
export interface NodeFilesReply {
  readonly answer: Extract<FilesAnswer, { outcome: "ok" }>;
  readonly body: Readable;
}

/** Asks nodes for their files, and for a few things more. */
export interface NodeFiles {
  /**
   * Resolves as soon as the node's answer begins.
   * @throws BatchError TaskFilesUnavailable when the node is not connected or does not answer, and the error the agent found
   */
  request(nodePk: number, request: NodeRequest, signal: AbortSignal): Promise<NodeFilesReply>;
}

export interface NodeFilesWays {
  /** Whether a node is connected to this server. */
  readonly isLinked: (nodePk: number) => boolean;
  /** Over the link of the node's host. */
  readonly linked: NodeFiles;
  /** By way of the server that has the link. */
  readonly relayed: NodeFiles;
}

/** Reaches every node, whichever server it is connected to. */
export function nodeFiles({ isLinked, linked, relayed }: NodeFilesWays): NodeFiles {
  return {
    request: (nodePk, request, signal) => (isLinked(nodePk) ? linked : relayed).request(nodePk, request, signal),
  };
}

/** How long an agent may take to begin its answer. */
export const patienceSeconds = 15;

export function unavailable(reason: string, options?: ErrorOptions): BatchError {
  return new BatchError("TaskFilesUnavailable", { Reason: reason }, options);
}

/** @throws BatchError the error that is told instead of an answer */
export function replyOf(answer: FilesAnswer, body: Readable): NodeFilesReply {
  if (answer.outcome === "ok") return { answer, body };
  body.resume();
  throw new BatchError(answer.code, { Reason: answer.reason });
}

const header = "kyanite-files";

/** Beside the body of a message that brings what a node was asked for. */
export function readFilesAnswer({ headers }: IncomingMessage): FilesAnswer {
  return Value.Parse(FilesAnswer, JSON.parse(Buffer.from(String(headers[header] ?? ""), "base64url").toString()));
}

export function filesAnswerHeader(answer: FilesAnswer): Readonly<Record<string, string>> {
  return { [header]: Buffer.from(JSON.stringify(answer)).toString("base64url") };
}
