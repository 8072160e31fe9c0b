import type { IsOwnOrigin } from "../identity/audiences.ts";
import { isLoopbackHost } from "./loopback.ts";
import type { Listening } from "./server.ts";

interface OwnNames {
  readonly host: string;
  readonly publicUrl?: string | undefined;
}

/**
 * Knows the places at which this server answers: its public URL, and its ports behind names of this machine and the name
 * that it was told to listen on. What a request says of its host does not count, since whoever sends it could say anything.
 */
export function ownOrigins({ host, publicUrl }: OwnNames, listening: () => Listening): IsOwnOrigin {
  const publicOrigin = publicUrl === undefined ? undefined : new URL(publicUrl).origin;
  const name = host.includes(":") ? `[${host}]` : host.toLowerCase();
  return (text) => {
    if (text.toLowerCase() === publicOrigin) return true;
    const [, scheme = "", authority = ""] = /^(https?):\/\/([^/]+)$/i.exec(text) ?? [];
    const [, asked = "", port = scheme === "https" ? "443" : "80"] = /^(.+?)(?::(\d+))?$/.exec(authority) ?? [];
    return ports(listening()).includes(port) && (isLoopbackHost(asked) || asked.toLowerCase() === name);
  };
}

const ports = ({ httpUrl, httpsUrl }: Listening) =>
  [httpUrl, httpsUrl].filter(Boolean).map((url) => {
    const { protocol, port } = new URL(url);
    return port || (protocol === "https:" ? "443" : "80");
  });
