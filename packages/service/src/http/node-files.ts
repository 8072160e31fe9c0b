import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import { BatchError, type FilesAnswer, type NodeRequest, type ServiceOrder } from "@kyanite/contract";
import type { Clock } from "@kyanite/runtime";

/** What an agent answered; the body is still on its way and has to be consumed or destroyed. */
export interface NodeFilesReply {
  readonly answer: Extract<FilesAnswer, { outcome: "ok" }>;
  readonly body: Readable;
}

interface Pending {
  readonly resolve: (reply: NodeFilesReply) => void;
  readonly reject: (cause: Error) => void;
}

/** How long an agent may take to begin its answer. */
const patienceSeconds = 15;

/** Requests for files of nodes: each goes over the node's link, and its answer comes back as a POST of the agent. */
export class NodeFiles {
  readonly #pending = new Map<string, Pending>();
  readonly #send: (nodePk: number, order: ServiceOrder) => boolean;
  readonly #clock: Clock;

  constructor(send: (nodePk: number, order: ServiceOrder) => boolean, clock: Clock) {
    this.#send = send;
    this.#clock = clock;
  }

  /**
   * Asks a node; resolves as soon as its answer begins.
   * @throws BatchError TaskFilesUnavailable when the node is not connected or does not answer, and the error the agent found
   */
  async request(nodePk: number, request: NodeRequest, signal: AbortSignal): Promise<NodeFilesReply> {
    const requestId = randomUUID();
    const reply = new Promise<NodeFilesReply>((resolve, reject) => this.#pending.set(requestId, { resolve, reject }));
    try {
      if (!this.#send(nodePk, { type: "files", requestId, request }))
        throw unavailable("The compute node is not connected");
      return await Promise.race([reply, this.#patience(signal)]);
    } finally {
      this.#pending.delete(requestId);
    }
  }

  async #patience(signal: AbortSignal): Promise<never> {
    await this.#clock.sleep(patienceSeconds * 1000, signal);
    throw unavailable("The compute node did not answer in time");
  }

  /** Takes an agent's answer; false when nobody waits for it any more. */
  answer(requestId: string, answer: FilesAnswer, body: Readable): boolean {
    const pending = this.#pending.get(requestId);
    if (!pending) return false;
    if (answer.outcome === "ok") pending.resolve({ answer, body });
    else {
      body.resume();
      pending.reject(new BatchError(answer.code, { Reason: answer.reason }));
    }
    return true;
  }
}

function unavailable(reason: string): BatchError {
  return new BatchError("TaskFilesUnavailable", { Reason: reason });
}
