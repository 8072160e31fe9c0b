import { cloudHosts } from "../domain/host-names.ts";

/**
 * Whether a request comes from this machine itself: not through a proxy that happens to run on it, and not from a web
 * page of somebody else who made a name of theirs point here (DNS rebinding), as the request's host tells. Nobody can
 * make a web page of the cloud's names, which `kyanite redirect` sends here.
 */
export function isFromThisMachine({
  remoteAddress,
  headers,
}: {
  readonly remoteAddress: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}): boolean {
  const host = String(headers.host ?? "");
  const isForwarded = headers["x-forwarded-for"] !== undefined || headers.forwarded !== undefined;
  const isNear = /^(127\.|::1$|::ffff:127\.)/.test(remoteAddress);
  return !isForwarded && isNear && (isLoopbackHost(host) || cloudHosts.includes(host.toLowerCase()));
}

/** Names below `localhost` are this machine's on every machine; other names are what their owners make of them. */
export function isLoopbackHost(host: string): boolean {
  const name = host.replace(/:\d{1,5}$/, "").toLowerCase();
  return name === "localhost" || name.endsWith(".localhost") || name === "[::1]" || /^127(\.\d{1,3}){3}$/.test(name);
}
