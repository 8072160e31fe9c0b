import { regions } from "./regions.ts";

/** By which names and addresses clients reach a server. */
export interface Reach {
  /** Names below which each account has one of its own. */
  readonly domains: readonly string[];
  readonly addresses: readonly string[];
}

/** An account, as far as names of hosts know it. */
export interface NamedAccount {
  readonly name: string;
  /** The region that it says it is in. */
  readonly location: string;
}

/** The domain of Batch accounts in the cloud, for programs whose calls to it are redirected to this server. */
const cloudDomains = ["batch.azure.com", "batch.chinacloudapi.cn", "batch.usgovcloudapi.net"];

/** The cloud's hosts for signing in and for managing accounts, which are redirected likewise. */
export const cloudHosts: readonly string[] = ["login.microsoftonline.com", "management.azure.com"];

/** The names of a Batch account in the cloud, one for each region. */
export const cloudAccountNames = (account: string): readonly string[] =>
  regions.map((region) => `${account}.${region}.${cloudDomains[0]}`);

/**
 * The account that a host names, as `ACCOUNT.DOMAIN` or `ACCOUNT.REGION.DOMAIN`; undefined when the host names none.
 * @param host may have a port
 */
export function accountOfHost(host: string, domains: readonly string[]): string | undefined {
  const name = host.replace(/:\d+$/, "").toLowerCase();
  const domain = [...domains, ...cloudDomains].find((each) => name.endsWith(`.${each}`));
  const labels = domain === undefined ? "" : name.slice(0, -domain.length - 1);
  return /^([a-z0-9]{3,24})(\.[a-z0-9-]+)?$/.exec(labels)?.[1];
}

/**
 * What a certificate must be good for: every form of host in which {@link accountOfHost} finds an account, and the
 * storage's, `ACCOUNT.blob.DOMAIN` and, for clients that know the account by it, `ACCOUNT.blob.core.DOMAIN`. Clients
 * refuse a wildcard right below a top-level name, hence the accounts' own names.
 */
export function certificateNames({ domains, addresses }: Reach, accounts: readonly NamedAccount[]): readonly string[] {
  const places = [
    ...accounts.map(({ location }) => location).filter((each) => /^[a-z0-9-]{1,63}$/.test(each)),
    ...regions,
  ];
  const below = (domain: string) => [
    domain,
    ...["*", "*.blob", "*.blob.core", ...places.map((place) => `*.${place}`)].map((name) => `${name}.${domain}`),
    ...(domain.includes(".") ? [] : accounts.map(({ name }) => `${name}.${domain}`)),
  ];
  return [...new Set([...domains.flatMap(below), ...addresses])];
}
