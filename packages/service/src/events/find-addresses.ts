import type { LookupAddress } from "node:dns";
import { lookup, Resolver } from "node:dns/promises";
import { limitTo } from "@kyanite/runtime";

/** Gives the addresses of a name, one at least. */
export type FindAddresses = (name: string) => Promise<LookupAddress[]>;

/** What name servers answer when they know no address, or when there are none to be asked. */
const unknown = ["ENOTFOUND", "ENODATA", "ECONNREFUSED"];

/**
 * Asks name servers without the system. A look-up by the system holds one of two threads until it ends, so a few names
 * whose servers are silent would hold up all others of this process. The system is asked, for one name at a time, when
 * name servers know none: it has the file of hosts, and completes names.
 * @param nameServers instead of the system's
 */
export function addressFinder(nameServers?: readonly string[]): FindAddresses {
  const oneAtATime = limitTo(1);
  return async (name) => {
    // A new one each time: it reads only once which name servers there are.
    const resolver = new Resolver({ timeout: 2_000, tries: 2 });
    if (nameServers) resolver.setServers(nameServers);
    const [four, six] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    const found = [...addresses(four, 4), ...addresses(six, 6)];
    if (found.length > 0) return found;
    for (const answer of [four, six])
      if (answer.status === "rejected" && !unknown.includes(answer.reason.code)) throw answer.reason;
    return oneAtATime(() => lookup(name, { all: true }));
  };
}

const addresses = (answer: PromiseSettledResult<string[]>, family: 4 | 6) =>
  answer.status === "fulfilled" ? answer.value.map((address) => ({ address, family })) : [];
