import { execFile } from "node:child_process";
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { BatchManagementClient } from "@azure/arm-batch";
import { parseConnectionString } from "@kyanite/storage";
import { firstGroup, startServerProcess, storageContainer } from "@kyanite/testkit";
import { addApplication } from "../conformance/application.ts";
import { cer, thumbprint } from "../conformance/cases.ts";

const run = promisify(execFile);
const program = fileURLToPath(new URL("../../../cli/bin/kyanite.mjs", import.meta.url));

/** A server as users start it, and the environment that they give to their programs. */
export interface ClientsServer extends AsyncDisposable {
  readonly environment: NodeJS.ProcessEnv;
  /** For what programs write; gone with the server. */
  readonly directory: string;
}

/** The account has an application `tool` and a container for logs; a service principal is the account's owner. */
export async function clientsServer(): Promise<ClientsServer> {
  const directory = await mkdtemp(join(tmpdir(), "kyanite-clients-"));
  await chmod(directory, 0o711);
  const dataDirectory = ["--data-dir", join(directory, "data")];
  const server = await startServerProcess([...dataDirectory, "--http-port", "0", "--https-port", "0"]);
  const kyanite = async (...words: string[]) =>
    (await run(process.execPath, [program, ...words, ...dataDirectory])).stdout;
  const { account, armUrl, caCertificate, storageAccount, storageConnectionString } = server.endpoints;
  const principal = variables(await kyanite("identity", "add", "clients"));
  const environment: NodeJS.ProcessEnv = {
    PATH: process.env.PATH,
    HOME: directory,
    ...variables(await kyanite("env")),
    ...principal,
    PYTHONPATH: fileURLToPath(new URL("python", import.meta.url)),
    PYTHONDONTWRITEBYTECODE: "1",
    AZURE_CORE_COLLECT_TELEMETRY: "0",
    SSL_CERT_FILE: caCertificate,
    MANAGEMENT_URL: armUrl,
    SUBSCRIPTION_ID: firstGroup.subscriptionId,
    RESOURCE_GROUP: firstGroup.resourceGroup,
    STORAGE_ACCOUNT: storageAccount,
    CERTIFICATE_THUMBPRINT: thumbprint,
    CERTIFICATE: cer,
    LOGS_URL: (await storageContainer({ storage: parseConnectionString(storageConnectionString) }, "logs")).url,
  };
  const getToken = () => managementToken(server.endpoints.batchUrl, principal);
  const management = new BatchManagementClient({ getToken }, firstGroup.subscriptionId, {
    endpoint: armUrl,
    tlsOptions: { ca: await readFile(caCertificate, "utf8") },
  });
  await addApplication(management, account, "a tool");
  return {
    environment,
    directory,
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** What lines such as `export NAME='value'` set. */
const variables = (exports: string) =>
  Object.fromEntries(
    [...exports.matchAll(/^(?:export )?(\w+)='?(.*?)'?$/gm)].map(([, name = "", value]) => [name, value]),
  );

async function managementToken(url: string, principal: NodeJS.ProcessEnv) {
  const body = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: principal.AZURE_CLIENT_ID ?? "",
    client_secret: principal.AZURE_CLIENT_SECRET ?? "",
    resource: "https://management.azure.com/",
  });
  const response = await fetch(`${url}/adfs/oauth2/token`, { method: "POST", body });
  return { token: String(JSON.parse(await response.text()).access_token), expiresOnTimestamp: Date.now() + 3_000_000 };
}
