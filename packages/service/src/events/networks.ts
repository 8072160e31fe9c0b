import { BlockList, isIP } from "node:net";

/** Where this server may send what clients have it send. */
export interface Networks {
  /** Whether a request may go to an address. */
  readonly permits: (address: string, isEncrypted: boolean) => boolean;
  /** Whether there is anywhere that a request may go to without encryption. */
  readonly permitsPlain: boolean;
}

/**
 * Networks by a list such as `public 10.1.0.0/16`: `public` is the internet, encrypted only, and `all` is everything.
 * Undefined when the text is no such list.
 */
export function parseNetworks(text: string): Networks | undefined {
  const words = text.split(/[\s,]+/).filter(Boolean);
  const isAll = words.includes("all");
  const isPublicPermitted = words.includes("public");
  const named = new BlockList();
  const networks = words.filter((word) => !["all", "public", "none"].includes(word));
  if (!networks.every((network) => add(named, network))) return undefined;
  return {
    permits: (given, isEncrypted) => {
      const address = given.replace(/%.*$/, "");
      const family = isIP(address);
      if (family === 0) return false;
      if (isAll || named.check(address, family === 6 ? "ipv6" : "ipv4")) return true;
      return isEncrypted && isPublicPermitted && isPublic(address);
    },
    permitsPlain: isAll || networks.length > 0,
  };
}

function add(list: BlockList, network: string): boolean {
  const [, address = "", length] = /^([\da-f.:]+)(?:\/(\d{1,3}))?$/i.exec(network) ?? [];
  const family = isIP(address);
  const bits = family === 6 ? 128 : 32;
  const prefix = Number(length ?? bits);
  if (family === 0 || prefix > bits) return false;
  list.addSubnet(address, prefix, family === 6 ? "ipv6" : "ipv4");
  return true;
}

/** What is not of the internet, by the registries of special addresses, and what leads to such by another name. */
const special = new BlockList();
for (const network of [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/3",
  "2001::/23",
  "2001:db8::/32",
  "2002::/16",
  "3fff::/20",
])
  add(special, network);

const internet6 = new BlockList();
add(internet6, "2000::/3");

function isPublic(address: string): boolean {
  if (isIP(address) === 4) return !special.check(address, "ipv4");
  // IPv4 by way of IPv6 (::ffff:0:0/96, 64:ff9b::/96) is outside of 2000::/3.
  return internet6.check(address, "ipv6") && !special.check(address, "ipv6");
}
