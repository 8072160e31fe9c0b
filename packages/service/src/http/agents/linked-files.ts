import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import type { FilesAnswer, NodeRequest, ServiceOrder } from "@kyanite/contract";
import type { Clock } from "@kyanite/runtime";
import { type NodeFiles, type NodeFilesReply, patienceSeconds, replyOf, unavailable } from "./node-files.ts";

/** Gives what aborts when the node's link is closed; undefined when it has none. */
type SendOrder = (nodePk: number, order: ServiceOrder) => AbortSignal | undefined;

type Take = (answer: FilesAnswer, body: Readable) => void;

/** Of nodes that are connected to this server: a request goes over the link, and its answer comes back as a POST of the agent. */
export class LinkedFiles implements NodeFiles {
  readonly #pending = new Map<string, Take>();
  readonly #send: SendOrder;
  readonly #clock: Clock;

  constructor(send: SendOrder, clock: Clock) {
    this.#send = send;
    this.#clock = clock;
  }

  async request(nodePk: number, request: NodeRequest, signal: AbortSignal): Promise<NodeFilesReply> {
    const requestId = randomUUID();
    const done = new AbortController();
    const answered = new Promise<Parameters<Take>>((resolve) =>
      this.#pending.set(requestId, (...answer) => resolve(answer)),
    );
    try {
      const unlinked = this.#send(nodePk, { type: "files", requestId, request });
      if (!unlinked) throw unavailable("The compute node is not connected");
      const patience = this.#patience(AbortSignal.any([signal, unlinked, done.signal]));
      const [answer, body] = await Promise.race([answered, patience]);
      return replyOf(answer, body);
    } finally {
      done.abort("done");
      this.#pending.delete(requestId);
    }
  }

  async #patience(signal: AbortSignal): Promise<never> {
    await this.#clock.sleep(patienceSeconds * 1000, signal);
    throw unavailable(signal.aborted ? "The compute node has gone" : "The compute node did not answer in time");
  }

  /** Takes an agent's answer; false when nobody waits for it any more. */
  answer(requestId: string, answer: FilesAnswer, body: Readable): boolean {
    const take = this.#pending.get(requestId);
    take?.(answer, body);
    return take !== undefined;
  }
}
