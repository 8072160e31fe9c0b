import { IncomingMessage } from "node:http";

/**
 * A request that is an upgrade only where it asks for a link of an agent. The library takes the connection of every
 * other request that offers another protocol, such as `h2c`, from which the client expects an ordinary answer.
 */
export class UpgradableRequest extends IncomingMessage {
  // Declared only: the constructor of the library's class sets what follows before a field would be there.
  declare private isOffered: boolean | null;

  /** What the library's parser found, and asks for when it has read the head. */
  set upgrade(isOffered: boolean | null) {
    this.isOffered = isOffered;
  }

  get upgrade(): boolean {
    const { method, url, headers } = this;
    if (!this.isOffered) return false;
    return method === "CONNECT" || (url === "/agent/link" && isWebSocket(headers.upgrade));
  }
}

const isWebSocket = (protocol: string | undefined) => protocol?.toLowerCase() === "websocket";
