import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { NodeRequest } from "@kyanite/contract";
import type { Clock } from "@kyanite/runtime";
import type { Database } from "../../store/database.ts";
import { readServerOfNode } from "../../store/servers.ts";
import {
  type NodeFiles,
  type NodeFilesReply,
  patienceSeconds,
  readFilesAnswer,
  replyOf,
  unavailable,
} from "./node-files.ts";
import { callPeer } from "./peer-call.ts";
import type { PeerRequest } from "./peer-server.ts";

export interface RelayOptions {
  readonly database: Database;
  /** Of this server. */
  readonly serverId: string;
  readonly secret: Uint8Array;
  readonly clock: Clock;
}

/** The other server is patient with the node, and some time is for the way to it. */
const relaySeconds = patienceSeconds + 5;

/** Of nodes that are connected to other servers of this database. */
export function relayedFiles({ database, serverId, secret, clock }: RelayOptions): NodeFiles {
  const ask = async (address: string, asked: PeerRequest, signal: AbortSignal): Promise<IncomingMessage> => {
    const call = callPeer(address, { path: "/files", secret, signal });
    call.end(JSON.stringify(asked));
    const done = new AbortController();
    const late = clock.sleep(relaySeconds * 1000, done.signal).then(() => undefined);
    try {
      const answered: IncomingMessage | undefined = await Promise.race([
        once(call, "response").then(([it]) => it),
        late,
      ]);
      if (!answered) throw new Error("the other server does not answer");
      return answered;
    } catch (cause) {
      call.destroy();
      throw unavailable("The server to which the compute node is connected cannot be reached", { cause });
    } finally {
      done.abort("done");
    }
  };
  return {
    request: async (nodePk: number, request: NodeRequest, signal: AbortSignal): Promise<NodeFilesReply> => {
      const server = await readServerOfNode(database, nodePk);
      if (!server || server.id === serverId) throw unavailable("The compute node is not connected");
      const body = await ask(server.address, { nodePk, request }, signal);
      return replyOf(readFilesAnswer(body), body);
    },
  };
}
