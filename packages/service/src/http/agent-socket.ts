import type { ServiceOrder } from "@kyanite/contract";
import { type Outbox, openOutbox } from "@kyanite/runtime";
import type { WebSocket } from "ws";

/** The state of a socket through which something can be sent. */
const open = 1;

/** The service's end of a link. */
export class AgentSocket {
  readonly #socket: WebSocket;
  readonly send: Outbox<ServiceOrder>;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    this.send = openOutbox((text) => {
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
