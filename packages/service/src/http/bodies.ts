import type { IncomingMessage, ServerResponse } from "node:http";
import { BatchError } from "@kyanite/contract";
import type { Clock } from "@kyanite/runtime";

/** How much memory bodies may take at a time. */
export interface BodyBounds {
  readonly connectionBytes: number;
  readonly allBytes: number;
  /** How long one body may take to arrive. */
  readonly seconds: number;
  /** The like for bodies of whoever is not known yet. */
  readonly strangersBytes: number;
  readonly strangersSeconds: number;
}

export const usualBodyBounds: BodyBounds = {
  connectionBytes: 8 * 1024 * 1024,
  allBytes: 64 * 1024 * 1024,
  seconds: 30,
  strangersBytes: 1024 * 1024,
  strangersSeconds: 5,
};

/** Apart, so that nobody without a credential takes room or time from those who have one. */
export interface Rooms {
  readonly known: BodyRoom;
  readonly strangers: BodyRoom;
}

export function roomsFor(bounds: BodyBounds, clock: Clock): Rooms {
  const { connectionBytes, strangersBytes: allBytes, strangersSeconds: seconds } = bounds;
  return { known: new BodyRoom(bounds, clock), strangers: new BodyRoom({ connectionBytes, allBytes, seconds }, clock) };
}

type RoomBounds = Pick<BodyBounds, "connectionBytes" | "allBytes" | "seconds">;

/** The room there is for bodies; each takes its bytes before they are kept, and gives them back with its answer. */
export class BodyRoom {
  readonly #bounds: RoomBounds;
  readonly #clock: Clock;
  readonly #ofConnections = new WeakMap<object, number>();
  #taken = 0;

  constructor(bounds: RoomBounds, clock: Clock) {
    this.#bounds = bounds;
    this.#clock = clock;
  }

  /**
   * The body of a request, which is not looked at before this is called.
   * @throws BatchError RequestBodyTooLarge, ServerBusy, OperationTimedOut, InvalidRequestBody when the client goes away
   */
  async read(request: IncomingMessage, response: ServerResponse, largestBytes: number): Promise<Buffer> {
    const declared = Number(request.headers["content-length"] ?? 0);
    if (declared > largestBytes) throw tooLarge(largestBytes);
    const { socket } = request;
    let taken = 0;
    const take = (bytes: number) => {
      if (bytes > largestBytes) throw tooLarge(largestBytes);
      this.#take(socket, bytes - taken);
      taken = bytes;
    };
    response.once("close", () => this.#take(socket, -taken));
    take(declared);
    continueBody(request, response);
    const arrived = new AbortController();
    const late = this.#clock.sleep(this.#bounds.seconds * 1000, arrived.signal).then((): never => {
      throw new BatchError("OperationTimedOut", { Reason: "The body did not arrive in time" });
    });
    try {
      return await Promise.race([collect(request, (bytes) => bytes > taken && take(bytes)), late]);
    } finally {
      late.catch(() => {});
      arrived.abort();
    }
  }

  #take(connection: object, bytes: number): void {
    const ofConnection = (this.#ofConnections.get(connection) ?? 0) + bytes;
    const { connectionBytes, allBytes } = this.#bounds;
    if (bytes > 0 && (ofConnection > connectionBytes || this.#taken + bytes > allBytes))
      throw new BatchError("ServerBusy", { Reason: "Other bodies are being read; send this one again" });
    this.#ofConnections.set(connection, ofConnection);
    this.#taken += bytes;
  }
}

/** Asks a client for its body that waits to be asked. */
export function continueBody({ headers }: IncomingMessage, response: ServerResponse): void {
  if (/^100-continue$/i.test(headers.expect ?? "")) response.writeContinue();
}

/** @param onGrowth told of the bytes so far, before they are kept; the rest is left unread when it throws */
async function collect(request: IncomingMessage, onGrowth: (bytes: number) => void): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      bytes += chunk.length;
      onGrowth(bytes);
      chunks.push(chunk);
    }
  } catch (cause) {
    if (cause instanceof BatchError) throw cause;
    throw new BatchError("InvalidRequestBody", { Reason: "The body could not be read" }, { cause });
  }
  return Buffer.concat(chunks, bytes);
}

function tooLarge(largestBytes: number): BatchError {
  return new BatchError("RequestBodyTooLarge", { MaxLimit: String(largestBytes) });
}
