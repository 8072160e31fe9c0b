import type { ClientRequest } from "node:http";
import { request } from "node:https";
import { largestHeadBytes, usualSocketLimits } from "../sockets.ts";
import { askingTls } from "./peer-tls.ts";

interface PeerCall {
  readonly path: string;
  readonly secret: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A connection without traffic is tried after so long, lest what comes from a server that has vanished never ends. */
const probeMilliseconds = 10_000;

/** Begins a request to another server of this database. */
export function callPeer(address: string, { path, secret, headers = {}, signal }: PeerCall): ClientRequest {
  const call = request(`https://${address}${path}`, {
    ...askingTls(secret),
    method: "POST",
    headers,
    // Each call has a connection of its own: one that is kept may be closed just when it is used again.
    agent: false,
    maxHeaderSize: largestHeadBytes,
    timeout: usualSocketLimits.idleSeconds * 1000,
    ...(signal && { signal }),
  });
  call.on("socket", (socket) => socket.setKeepAlive(true, probeMilliseconds));
  call.on("timeout", () => call.destroy(new Error("the other server has fallen silent")));
  // Those that come after the answer has begun are its body's as well.
  return call.on("error", () => {});
}
