import { EventEmitter, once } from "node:events";
import { connect, isIP, type Socket } from "node:net";
import { connect as connectSecurely } from "node:tls";

/** How the database driver is told of a connection that is not there any more. */
export class LostConnection extends Error {
  override readonly name = "LostConnection";
  readonly code = "CONNECTION_CLOSED";
}

/**
 * A connection's socket as the driver sees it. When the other side closes it, the driver hears an error, and again for
 * each write after that, but not that it is closed, until `close` is called: it would use the connection again, whose
 * transaction may still have statements to send. These would end the process, run outside of their transaction, or be
 * taken for others.
 */
export class Line extends EventEmitter {
  readonly #socket: Socket;
  #lost: LostConnection | undefined;
  #isEnded = false;

  /** @param onGone is called when it is closed, from whichever side */
  constructor(socket: Socket, onGone: (line: Line) => void) {
    super();
    this.#socket = socket;
    let cause: Error | undefined;
    socket.on("data", (data) => this.emit("data", data));
    socket.on("drain", () => this.emit("drain"));
    socket.on("error", (error) => {
      cause = error;
    });
    socket.on("close", () => {
      const reason = cause ? `: ${cause.message}` : "";
      if (!this.#isEnded) this.#lost = new LostConnection(`The database has closed the connection${reason}`, { cause });
      // What waits is to fail first: the driver would connect again for it.
      if (this.isLost) this.#fail();
      else this.emit("close", false);
      onGone(this);
    });
  }

  /** Whether the other side has closed it. */
  get isLost(): boolean {
    return this.#lost !== undefined;
  }

  get readyState(): string {
    // A pool that is ended waits for what is not closed, and fails what waits for a connection only when that takes long.
    return this.isLost ? "lost" : this.#socket.readyState;
  }

  write(bytes: Uint8Array, done?: () => void): boolean {
    if (this.#lost === undefined) return this.#socket.write(bytes, done);
    setImmediate(() => this.#fail());
    return true;
  }

  /** Tells the driver that a lost connection is closed, when it cannot use it any more. */
  close(): void {
    this.#fail();
    this.emit("close", false);
  }

  /** Closes it from our side, of which the driver does hear. */
  end(bytes: Uint8Array): void {
    this.#isEnded = true;
    this.#socket.end(bytes);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  setKeepAlive(isOn: boolean, milliseconds: number): void {
    this.#socket.setKeepAlive(isOn, milliseconds);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  #fail(): void {
    if (this.listenerCount("error") > 0) this.emit("error", this.#lost);
  }
}

/** Where the driver would connect to. */
export interface LineTarget {
  /** Of a Unix socket. */
  readonly path?: string | false;
  readonly host: readonly string[];
  readonly port: readonly number[];
  readonly connect_timeout: number;
}

/** What the driver's setting `ssl` may be. */
export type Encryption = boolean | string | object | undefined;

/** Connects to the first of the hosts that answers. */
export async function openSocket(target: LineTarget, encryption: Encryption): Promise<Socket> {
  const signal = AbortSignal.timeout(target.connect_timeout * 1000);
  if (target.path) return opened(connect(target.path), signal);
  const failures: unknown[] = [];
  for (const [index, host] of target.host.entries()) {
    try {
      const socket = await opened(connect(target.port[index] ?? 5432, host), signal);
      return encryption ? await encrypted(socket, host, { encryption, signal }) : socket;
    } catch (cause) {
      failures.push(cause);
    }
  }
  throw failures[0];
}

async function opened(socket: Socket, signal: AbortSignal): Promise<Socket> {
  try {
    await once(socket, "connect", { signal });
    return socket.setNoDelay();
  } catch (cause) {
    socket.destroy();
    throw cause;
  }
}

/** The request for encryption, which comes before all else. */
const encryptionRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const isAgreed = "S".charCodeAt(0);

interface Encrypting {
  readonly encryption: Encryption;
  readonly signal: AbortSignal;
}

async function encrypted(socket: Socket, host: string, { encryption, signal }: Encrypting): Promise<Socket> {
  socket.write(encryptionRequest);
  const [answer]: Buffer[] = await once(socket, "data", { signal });
  if (answer?.[0] !== isAgreed) {
    if (encryption === "prefer") return socket;
    socket.destroy();
    throw new LostConnection("The database does not encrypt connections, as its URL asks");
  }
  const isUnchecked = encryption === "require" || encryption === "allow" || encryption === "prefer";
  const secure = connectSecurely({
    socket,
    ...(isIP(host) ? {} : { servername: host }),
    ...(isUnchecked ? { rejectUnauthorized: false } : {}),
    ...(typeof encryption === "object" ? encryption : {}),
  });
  await once(secure, "secureConnect", { signal });
  return secure;
}
