import type { Duplex } from "node:stream";
import { writeTogether } from "@kyanite/runtime";
import type { WebSocket } from "ws";

/** The state of a socket through which something can be sent. */
const open = 1;

/** The service's end of a link. */
export class AgentSocket {
  readonly #socket: WebSocket;
  readonly #stream: Duplex;

  /** @param stream what the socket writes to */
  constructor(socket: WebSocket, stream: Duplex) {
    this.#socket = socket;
    this.#stream = stream;
  }

  get isOpen(): boolean {
    return this.#socket.readyState === open;
  }

  send(text: string): void {
    writeTogether(this.#stream, () => this.#socket.send(text));
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  /** Ends it without a farewell. */
  terminate(): void {
    this.#socket.terminate();
  }
}
