import { createHash } from "node:crypto";
import { json } from "node:stream/consumers";
import {
  BatchError,
  invalidProperty,
  LoginAnswer,
  LogsAnswer,
  type NodeRequest,
  nodeActions,
  type UploadBatchServiceLogsConfiguration,
} from "@kyanite/contract";
import type { Static, TSchema } from "typebox";
import Value from "typebox/value";
import type { Node } from "../../domain/node/node.ts";
import { readExistingNode } from "../../lifecycle/existing.ts";
import type { NodeFiles } from "../agents/node-files.ts";
import type { HandlerContext, OperationHandlers } from "../context.ts";

/** What is asked of a node's agent: its logs, and where one can log in. */
export const nodeLogHandlers = ({ database, nodeFiles, storage }: HandlerContext) =>
  ({
    ComputeNode_UploadBatchServiceLogs: async ({ account, params, body, requestId, signal }) => {
      const { pool, node } = await readExistingNode(database, account, params);
      checkLogsRequest(body);
      const { containerUrl, startTime, endTime } = body;
      const accountHash = createHash("sha256").update(account.name).digest("hex").slice(0, 16);
      const directory = `${account.name}-${accountHash}/${pool.id.toLowerCase()}/${node.id}/${requestId}`;
      const request = {
        operation: "uploadLogs",
        containerUrl: storage.ownUrl(containerUrl),
        directory,
        startTime: new Date(startTime).toISOString(),
        ...(endTime === undefined ? {} : { endTime: new Date(endTime).toISOString() }),
      } as const;
      const { files } = await ask(nodeFiles, node, { request, answer: LogsAnswer, signal });
      return { body: { virtualDirectoryName: directory, numberOfFilesUploaded: files } };
    },

    ComputeNode_GetRemoteLoginSettings: async ({ account, params, signal }) => {
      const { node } = await readExistingNode(database, account, params);
      const request = { operation: "findLogin" } as const;
      const { login } = await ask(nodeFiles, node, { request, answer: LoginAnswer, signal });
      if (!login)
        throw new BatchError("OperationNotValidOnNode", { Reason: "No SSH server answers on the compute node" });
      const { address, port, userSuffix } = login;
      return {
        body: {
          remoteLoginIPAddress: address,
          remoteLoginPort: port,
          ...(userSuffix === undefined ? {} : { remoteLoginUserSuffix: userSuffix }),
        },
      };
    },

    ComputeNode_GetRemoteDesktop: async ({ account, params }) => {
      await readExistingNode(database, account, params);
      throw new BatchError("OperationNotValidOnNode", {
        Reason: "Remote desktop is for nodes with Windows; this one runs Linux",
      });
    },
  }) satisfies OperationHandlers;

function checkLogsRequest({
  containerUrl,
  startTime,
  endTime,
  identityReference,
}: UploadBatchServiceLogsConfiguration) {
  if (identityReference)
    throw new BatchError("UnsupportedProperty", {
      PropertyName: "identityReference",
      Reason: "Managed identities are not supported; give a URL with a signature",
    });
  if (!URL.canParse(containerUrl) || !/^https?:$/.test(new URL(containerUrl).protocol))
    throw invalidProperty("containerUrl", undefined, "The URL of a container, with a signature that allows writing");
  if (endTime !== undefined && new Date(endTime) < new Date(startTime))
    throw invalidProperty("endTime", endTime, "The end may not be before the start");
}

interface Question<Answer extends TSchema> {
  readonly request: NodeRequest;
  readonly answer: Answer;
  readonly signal: AbortSignal;
}

async function ask<Answer extends TSchema>(
  nodeFiles: NodeFiles,
  node: Node,
  { request, answer, signal }: Question<Answer>,
): Promise<Static<Answer>> {
  try {
    const { body } = await nodeFiles.request(node.pk, request, signal);
    return Value.Parse(answer, await json(body));
  } catch (cause) {
    signal.throwIfAborted();
    // The node cannot be reached, or was gone before all of its answer had come. Its state may say why, or may not have
    // changed yet.
    const verdict = nodeActions.changeUsers[node.state];
    const values =
      cause instanceof BatchError ? cause.values : { Reason: "The compute node did not send all of its answer" };
    throw new BatchError(verdict === "allowed" ? "NodeStateUnusable" : verdict, values, { cause });
  }
}
