import type { ServiceOrder } from "@kyanite/contract";
import { type Outbox, openOutbox } from "@kyanite/runtime";
import type { WebSocket } from "ws";
import type { Node } from "../../domain/node/node.ts";

/** The state of a socket through which something can be sent. */
const open = 1;

/** A node that has joined a link. */
export type LinkedNode = Pick<Node, "pk" | "id" | "slots" | "poolPk">;

/** The service's end of a link, over which the nodes of one host talk. */
export class AgentSocket {
  readonly #socket: WebSocket;
  readonly #closing = new AbortController();
  /** Aborts when the socket is closed: nobody answers any more what went through it. */
  readonly closed: AbortSignal = this.#closing.signal;
  readonly send: Outbox<ServiceOrder>;
  /** Follows from a secret of the host. */
  readonly hostId: string;
  /** Those that have joined, by their ids. */
  readonly nodes = new Map<string, LinkedNode>();

  constructor(socket: WebSocket, hostId: string) {
    this.#socket = socket;
    this.hostId = hostId;
    socket.once("close", () => this.#closing.abort("closed"));
    this.send = openOutbox("orders", (text) => {
      if (this.isOpen) socket.send(text);
    });
  }

  get isOpen(): boolean {
    return this.#socket.readyState === open;
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  /** Ends it without a farewell. */
  terminate(): void {
    this.#socket.terminate();
  }
}
