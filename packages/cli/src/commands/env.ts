import { readConfig } from "@kyanite/service/config";
import {
  authorityBundle,
  authorityTrustStore,
  type Endpoints,
  requireRunningEndpoints,
} from "@kyanite/service/host/endpoints";
import { exportsFor } from "./shells.ts";

export interface EnvOptions {
  readonly shell: string;
  readonly json?: true;
}

/** What points Azure's tools at the server that runs in the data directory which these flags name. */
export async function env({ shell, json }: EnvOptions, argv: readonly string[]): Promise<string> {
  const toText = exportsFor(shell);
  const { dataDir } = await readConfig(argv);
  const endpoints = await requireRunningEndpoints(dataDir);
  const variables = variablesFor(endpoints, process.env.JAVA_TOOL_OPTIONS);
  return json ? `${JSON.stringify(variables, null, 2)}\n` : toText(variables);
}

/** HTTPS, since most clients insist on it, and the authority that they need for it. */
export function variablesFor(endpoints: Endpoints, javaOptions = ""): Readonly<Record<string, string>> {
  const storageKey = /(?:^|;)AccountKey=([^;]+)/i.exec(endpoints.storageConnectionString)?.[1];
  return {
    AZURE_BATCH_ACCOUNT: endpoints.account,
    AZURE_BATCH_ACCESS_KEY: endpoints.accountKey,
    AZURE_BATCH_ENDPOINT: endpoints.batchHttpsUrl,
    AZURE_STORAGE_CONNECTION_STRING: endpoints.storageConnectionString,
    AZURE_STORAGE_ACCOUNT: endpoints.storageAccount,
    // A storage account of one's own may be given with a SAS instead.
    ...(storageKey === undefined ? {} : { AZURE_STORAGE_KEY: storageKey }),
    AZURE_STORAGE_BLOB_ENDPOINT: endpoints.blobEndpoint,
    ...authorityVariables(endpoints.caCertificate, javaOptions),
  };
}

/** What makes programs trust an authority whose files are beside its certificate. */
export function authorityVariables(caCertificate: string, javaOptions = ""): Readonly<Record<string, string>> {
  const bundle = authorityBundle(caCertificate);
  return {
    REQUESTS_CA_BUNDLE: bundle,
    SSL_CERT_FILE: bundle,
    // curl takes this one first, and machines of companies have it set.
    CURL_CA_BUNDLE: bundle,
    NODE_EXTRA_CA_CERTS: caCertificate,
    JAVA_TOOL_OPTIONS: withTrustStore(javaOptions, authorityTrustStore(caCertificate)),
  };
}

/** Java's options that are there already stay, but for the trust store that an earlier call has named. */
function withTrustStore(options: string, file: string): string {
  // As Java splits them: at blanks that are not in quotes.
  const given = options.match(/(?:[^\s"']|"[^"]*"|'[^']*')+/g) ?? [];
  const others = given.filter((option) => !/^["']?-Djavax\.net\.ssl\.trustStore(Type)?=/.test(option));
  const quote = /[\s']/.test(file) ? '"' : "";
  const store = `${quote}-Djavax.net.ssl.trustStore=${file}${quote}`;
  return [...others, store, "-Djavax.net.ssl.trustStoreType=PKCS12"].join(" ");
}
