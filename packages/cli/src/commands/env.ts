import { readConfig } from "@kyanite/service/config";
import { authorityBundle, type Endpoints, readRunningEndpoints } from "@kyanite/service/host/endpoints";

/** Shell exports for the server that runs in the data directory which these flags name. */
export async function env(argv: readonly string[]): Promise<string> {
  const { dataDir } = await readConfig(argv);
  const endpoints = await readRunningEndpoints(dataDir);
  if (endpoints === undefined)
    throw new Error(`no server is running in ${dataDir}: start one with "kyanite start", or name another --data-dir`);
  return formatExports(endpoints);
}

/** For `eval "$(kyanite env)"`. HTTPS, since most clients insist on it, and the authority that they need for it. */
export function formatExports(endpoints: Endpoints): string {
  const variables = {
    AZURE_BATCH_ACCOUNT: endpoints.account,
    AZURE_BATCH_ACCESS_KEY: endpoints.accountKey,
    AZURE_BATCH_ENDPOINT: endpoints.batchHttpsUrl,
    AZURE_STORAGE_CONNECTION_STRING: endpoints.storageConnectionString,
    REQUESTS_CA_BUNDLE: authorityBundle(endpoints.caCertificate),
    NODE_EXTRA_CA_CERTS: endpoints.caCertificate,
  };
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}=${quote(value)}\n`)
    .join("");
}

/** In single quotes nothing is special to a shell but the single quote. */
const quote = (value: string) => `'${value.replaceAll("'", "'\\''")}'`;
