import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Database } from "../../store/database.ts";
import { readServerOfNode } from "../../store/servers.ts";
import { filesAnswerHeader, readFilesAnswer } from "./node-files.ts";
import { callPeer } from "./peer-call.ts";

export interface AnswerRelayOptions {
  readonly database: Database;
  /** Of this server. */
  readonly serverId: string;
  readonly secret: Uint8Array;
}

/** @returns the status with which the agent is answered */
export type RelayAnswer = (nodePk: number, requestId: string, answer: IncomingMessage) => Promise<number>;

/**
 * Hands an agent's answer on to the server that has asked, which is the one that has its link: where several servers have
 * one address, any of them may get the answer.
 */
export function relayedAnswers({ database, serverId, secret }: AnswerRelayOptions): RelayAnswer {
  return async (nodePk, requestId, answer) => {
    const server = await readServerOfNode(database, nodePk);
    // One that has broken off already is as none: who has asked has patience, and the link tells sooner when it ends.
    if (!server || server.id === serverId || answer.destroyed) return 404;
    const headers = filesAnswerHeader(readFilesAnswer(answer));
    const call = callPeer(server.address, { path: `/answers/${requestId}`, secret, headers });
    answer.once("close", () => answer.complete || call.destroy());
    // No pipeline: that would end the agent's connection, and with it our answer, when the other server does not take it.
    answer.pipe(call);
    const [taken]: IncomingMessage[] = await once(call, "response");
    return taken?.resume().statusCode ?? 502;
  };
}
