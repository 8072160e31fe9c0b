import type { Clock, Log } from "@kyanite/runtime";
import { certificateNames, type NamedAccount, type Reach } from "../domain/host-names.ts";
import { readServerCertificate, type ServerCertificate } from "./certificate-authority.ts";

export interface KeepCertificateOptions {
  /** Where keys and certificates are kept. */
  readonly directory: string;
  /** How clients reach the server now. */
  readonly reach: () => Reach;
  /** The account that the server starts with. */
  readonly account: NamedAccount;
  readonly clock: Clock;
  readonly log: Log;
}

/** The server's certificate while it runs: renewed before it expires, and when there are new names to be good for. */
export interface KeptCertificate {
  readonly current: ServerCertificate;
  /** Tells of each certificate that replaces the current one. */
  onRenewal(use: (certificate: ServerCertificate) => void): void;
  /** Resolves when the certificate is good for these accounts; one that cannot be made now is made later. */
  coverAccounts(accounts: readonly NamedAccount[]): Promise<void>;
  stop(): Promise<void>;
}

/** Addresses of a machine change as well, so this is sooner than time alone would ask for. */
const lookMilliseconds = 10 * 60 * 1000;

export async function keepServerCertificate(options: KeepCertificateOptions): Promise<KeptCertificate> {
  const { directory, reach, account, clock, log } = options;
  const stopping = new AbortController();
  const users: ((certificate: ServerCertificate) => void)[] = [];
  let accounts: readonly NamedAccount[] = [account];
  const read = () => readServerCertificate({ directory, names: certificateNames(reach(), accounts), now: clock.now() });
  let current = await read();
  const renew = async () => {
    const found = await read();
    if (found.certificate === current.certificate) return;
    current = found;
    for (const use of users) use(current);
    log.info("certificate renewed", { accounts: accounts.length });
  };
  // One after the other: two of them would write the same files.
  let last: Promise<void> = Promise.resolve();
  const renewInTurn = () => {
    last = last.then(renew).catch((cause: unknown) => log.error("certificate not renewed", { cause }));
    return last;
  };
  const keepLooking = async () => {
    while (!stopping.signal.aborted) {
      await clock.sleep(lookMilliseconds, stopping.signal);
      if (!stopping.signal.aborted) await renewInTurn();
    }
  };
  const keeping = keepLooking();
  return {
    get current() {
      return current;
    },
    onRenewal: (use) => void users.push(use),
    coverAccounts: async (found) => {
      accounts = found;
      await renewInTurn();
    },
    stop: async () => {
      stopping.abort();
      await keeping;
      await last;
    },
  };
}
