import { once } from "node:events";
import type { Server } from "node:http";
import { listenForShutdown } from "@kyanite/runtime";
import { openBlobServer } from "./blob-server.ts";

// The program that serves the bundled storage account: ACCOUNT DIRECTORY TRUST PORT, or with HTTPS
// as well ACCOUNT DIRECTORY TRUST HOST CERTIFICATE KEY PORT HTTPS-PORT. Its output is read by whoever started it.
const [accountName = "", directory = "", trustFile = "", ...rest] = process.argv.slice(2);
const [host = "", certificateFile = "", keyFile = ""] = rest.length > 1 ? rest : [];
const [port, httpsPort] = rest.length > 1 ? rest.slice(3) : rest;
try {
  using shutdown = listenForShutdown();
  const certificate = certificateFile ? { certificate: { certificateFile, keyFile } } : {};
  const options = { directory, accountName, trustFile, ...certificate, onFailure: end };
  const { http, https, close } = await openBlobServer(options);
  const ports = [`port ${await listen(http, Number(port), "127.0.0.1")}`];
  if (https) ports.push(`HTTPS port ${await listen(https, Number(httpsPort), host)}`);
  console.log(`listening on ${ports.join(" and ")}`);
  if (!shutdown.signal.aborted) await once(shutdown.signal, "abort");
  await close();
} catch (cause) {
  end(cause);
}

/** @returns the real port */
async function listen(server: Server, port: number, host: string): Promise<number> {
  server.listen(port, host);
  await once(server, "listening");
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}

function end(cause: unknown): never {
  console.error(cause);
  process.exit(1);
}
