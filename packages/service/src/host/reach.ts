import { isIP } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import type { Reach } from "../domain/host-names.ts";

/** Names and addresses that a server has by its settings, and by its machine where it listens on all addresses. */
export function reachOf({ host, publicUrl }: { readonly host: string; readonly publicUrl: string | undefined }): Reach {
  const own = isAny(host) ? [hostname(), ...machineAddresses().map(({ address }) => address)] : [host];
  const found = [...own, ...(publicUrl === undefined ? [] : [hostOf(publicUrl)])].map((name) => name.toLowerCase());
  return {
    domains: unique(["localhost", ...found.filter((name) => isIP(name) === 0 && isHostName(name))]),
    addresses: unique(["127.0.0.1", "::1", ...found.filter((name) => isIP(name) !== 0)]),
  };
}

/**
 * What a server listens on for other servers, and how these call that: where it is all of the machine's addresses, the
 * first that is known elsewhere.
 */
export function peerReach({ host, peerHost, peerPort }: PeerSettings) {
  const listened = peerHost ?? host;
  const name = isAny(listened) ? (elsewhereAddresses()[0] ?? "127.0.0.1") : listened;
  return { host: listened, port: peerPort, name: name.includes(":") ? `[${name}]` : name };
}

interface PeerSettings {
  readonly host: string;
  readonly peerHost: string | undefined;
  readonly peerPort: number;
}

const isAny = (host: string) => host === "0.0.0.0" || host === "::";

const hostOf = (url: string) => new URL(url).hostname.replace(/^\[|\]$/g, "");

const machineAddresses = () =>
  Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    // Those of a link mean nothing without its name, which no URL has.
    .filter(({ scopeid }) => !scopeid);

/** Of the old kind first, which more networks carry. */
const elsewhereAddresses = () =>
  machineAddresses()
    .filter(({ internal }) => !internal)
    .sort((one, other) => one.family.localeCompare(other.family))
    .map(({ address }) => address);

const isHostName = (name: string) => /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/.test(name);

const unique = (names: readonly string[]) => [...new Set(names)];
