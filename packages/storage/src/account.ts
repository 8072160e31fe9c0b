/** A storage account. An address either names the account in its host or, as Azurite's, in its path. */
export interface StorageAccount {
  readonly accountName: string;
  /** Base64. Absent when the connection string holds a SAS instead. */
  readonly accountKey?: string;
  /** Query of a shared access signature, without `?`. */
  readonly sas?: string;
  /** Without a slash at its end, such as `http://127.0.0.1:10000/name` or `https://name.blob.core.windows.net`. */
  readonly blobEndpoint: string;
  /** The same over HTTPS, where there is such; written in the same way. */
  readonly blobHttpsEndpoint?: string;
  readonly connectionString: string;
}

export class ConnectionStringError extends Error {
  /** What it does wrong, such as "has no AccountName". */
  readonly rule: string;

  constructor(rule: string) {
    super(`The storage connection string ${rule}`);
    this.rule = rule;
  }
}

/** The emulator's well-known account, which the short form `UseDevelopmentStorage=true` stands for. */
const developmentAccount = {
  AccountName: "devstoreaccount1",
  AccountKey: "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
  BlobEndpoint: "http://127.0.0.1:10000/devstoreaccount1",
} as const;

/**
 * A URL whose host is the name that one of these accounts has in Azure, as the place where the account is: nodes of
 * this service do not look for it in the cloud. Signatures are for the account, whatever its host. Others stay.
 */
export function atOwnAddress(
  url: string,
  accounts: readonly Pick<StorageAccount, "accountName" | "blobEndpoint">[],
): string {
  const match = /^https?:\/\/([a-z0-9]{3,24})\.blob\.core\.windows\.net(?::\d+)?(?=[/?]|$)/i.exec(url);
  const account = match && accounts.find(({ accountName }) => accountName === match[1]?.toLowerCase());
  return account ? account.blobEndpoint + url.slice(match[0].length) : url;
}

/** Reads what Azure calls a connection string. Throws {@link ConnectionStringError}, which never repeats a secret. */
export function parseConnectionString(connectionString: string): StorageAccount {
  const values = readPairs(connectionString);
  const get = (name: string) => values.get(name.toLowerCase());
  const blobEndpoint = get("BlobEndpoint")?.replace(/\/+$/, "") ?? defaultEndpoint(get);
  if (!URL.canParse(blobEndpoint) || !/^https?:/.test(blobEndpoint))
    throw new ConnectionStringError("has a BlobEndpoint that is not an http or https address");
  const accountName = get("AccountName") ?? accountNameOf(blobEndpoint);
  const accountKey = get("AccountKey");
  const sas = get("SharedAccessSignature")?.replace(/^\?/, "");
  if (accountKey === undefined && sas === undefined)
    throw new ConnectionStringError("has neither AccountKey nor SharedAccessSignature");
  return {
    accountName,
    blobEndpoint,
    ...(blobEndpoint.startsWith("https:") && { blobHttpsEndpoint: blobEndpoint }),
    connectionString,
    ...(accountKey !== undefined && { accountKey }),
    ...(sas !== undefined && { sas }),
  };
}

function readPairs(connectionString: string): ReadonlyMap<string, string> {
  const pairs = connectionString.split(";").map((pair) => pair.trim());
  const entries = pairs.filter(Boolean).map((pair): [string, string] => {
    const equals = pair.indexOf("=");
    if (equals < 1) throw new ConnectionStringError("must be a list of NAME=VALUE, separated by semicolons");
    return [pair.slice(0, equals).toLowerCase(), pair.slice(equals + 1)];
  });
  const values = new Map(entries);
  if (values.get("usedevelopmentstorage") !== "true") return values;
  return new Map(Object.entries(developmentAccount).map(([name, value]) => [name.toLowerCase(), value]));
}

function defaultEndpoint(get: (name: string) => string | undefined): string {
  const name = get("AccountName");
  if (name === undefined) throw new ConnectionStringError("has neither AccountName nor BlobEndpoint");
  return `${get("DefaultEndpointsProtocol") ?? "https"}://${name}.blob.${get("EndpointSuffix") ?? "core.windows.net"}`;
}

function accountNameOf(blobEndpoint: string): string {
  const { hostname, pathname } = new URL(blobEndpoint);
  return pathname.split("/")[1] || (hostname.split(".")[0] ?? "");
}

/** Writes a connection string that every Azure SDK reads. */
export function formatConnectionString(accountName: string, accountKey: string, blobEndpoint: string): string {
  const protocol = new URL(blobEndpoint).protocol.replace(":", "");
  return [
    `DefaultEndpointsProtocol=${protocol}`,
    `AccountName=${accountName}`,
    `AccountKey=${accountKey}`,
    `BlobEndpoint=${blobEndpoint};`,
  ].join(";");
}

/**
 * The same account with its name in the host, as the cloud has it, for clients that take the name from there:
 * `http://127.0.0.1:10000/name` becomes `http://name.blob.localhost:10000`. One that has it already is unchanged.
 */
export function withAccountInHost(account: StorageAccount): StorageAccount {
  const url = new URL(account.blobEndpoint);
  if (url.pathname === "/") return account;
  const blobEndpoint = `${url.protocol}//${account.accountName}.blob.localhost${url.port ? `:${url.port}` : ""}`;
  const connectionString = account.connectionString.replaceAll(account.blobEndpoint, blobEndpoint);
  return { ...account, blobEndpoint, connectionString };
}
